// Folds the accounts of the corpus: payloads of two schemas, amounts in euros in the first, in cents in the second.

export const initialState = { balanceMinor: 0, status: "none" };

const minor = (data, euros, cents) => data[cents] ?? Math.round(data[euros] * 100);

export function evolve(account, { type, data }) {
  const by = (change) => ({ ...account, balanceMinor: account.balanceMinor + change });
  switch (type) {
    case "AccountOpened":
      return { balanceMinor: minor(data, "openingBalance", "openingBalanceMinor"), status: "open" };
    case "MoneyDeposited":
    case "TransferReceived":
    case "InterestAccrued":
      return by(minor(data, "amount", "amountMinor"));
    case "MoneyWithdrawn":
    case "TransferSent":
      return by(-minor(data, "amount", "amountMinor"));
    case "AccountClosed":
      return { ...account, status: "closed" };
    default:
      throw new Error(`${type} is no event of an account`);
  }
}
