// Folds the accounts of cqrs-es: the payload repeats the type of the event, and `n` counts the events.

export const initialState = { balance_minor: 0, n: 0, status: "new" };

export function evolve(account, { type, data }) {
  const by = (change) => ({ ...account, balance_minor: account.balance_minor + change, n: account.n + 1 });
  const said = data?.[type] ?? data ?? {};
  switch (type) {
    case "AccountOpened":
      return { balance_minor: said.opening_minor, n: account.n + 1, status: "open" };
    case "MoneyDeposited":
    case "TransferReceived":
    case "InterestAccrued":
      return by(said.amount_minor);
    case "MoneyWithdrawn":
    case "TransferSent":
      return by(-said.amount_minor);
    case "AccountClosed":
      return { ...account, n: account.n + 1, status: "closed" };
    default:
      return account;
  }
}
