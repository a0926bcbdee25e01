// A bank account: what its owner sees on the first page of the app.
//
// Amounts are folded in whole cents, so that no sum of decimals ever drifts, and shown in euros.

export const initialState = null;

/** Schema 1: `{ amount: 12.5 }`. Schema 2: `{ amount: { value: "12.50", currency: "EUR" } }`. */
const cents = ({ amount }) =>
  Math.round(Number(amount !== null && typeof amount === "object" ? amount.value : amount) * 100);

const moved = (account, event, sign) => {
  const change = sign * cents(event.data);
  return {
    ...account,
    balance: (Math.round(account.balance * 100) + change) / 100,
    movements: account.movements + 1,
    last: { text: event.data.text, amount: change / 100, on: event.data.valueDate ?? event.time.slice(0, 10) },
  };
};

export function evolve(account, event) {
  const { type, data } = event;
  if (type === "AccountOpened") {
    const owner = typeof data.owner === "string" ? { name: data.owner, userId: data.userId } : data.owner;
    return {
      account: event.stream,
      owner,
      status: "open",
      currency: data.currency,
      balance: 0,
      overdraftLimit: 0,
      movements: 0,
      last: null,
      fees: 0,
      statement: null,
    };
  }
  if (account === null) throw new Error(`${type} before AccountOpened: ${event.stream} does not exist yet`);

  switch (type) {
    case "MoneyDeposited":
    case "TransferReceived":
    case "InterestPaid":
      return moved(account, event, +1);
    case "MoneyWithdrawn":
    case "TransferSent":
      return moved(account, event, -1);
    case "FeeCharged":
      return { ...moved(account, event, -1), fees: account.fees + 1 };
    case "OverdraftLimitChanged":
      return { ...account, overdraftLimit: data.limit ?? 0 };
    case "AccountFrozen":
      return { ...account, status: "frozen" };
    case "AccountUnfrozen":
      return { ...account, status: "open" };
    case "StatementIssued":
      // The ledger counts beyond 2^53. From there on the number is a BigInt, exact to the last digit.
      return {
        ...account,
        statement: { period: data.period, ledgerSequence: data.ledgerSequence, balance: account.balance },
      };
    default:
      return account;
  }
}
