// A reducer for the actions of redux-devtools/lifted-state-full.json: an event's data is the whole action.

export const initialState = { accounts: {}, orders: {}, rides: {}, users: {} };

const minor = (payload, euros, cents) => payload[cents] ?? Math.round(payload[euros] * 100);

const by = (state, id, change) => ({
  ...state,
  accounts: { ...state.accounts, [id]: { balanceMinor: state.accounts[id].balanceMinor + change } },
});

export function evolve(state, { data: { type, payload } }) {
  switch (type) {
    case "user/UserCreated":
      return { ...state, users: { ...state.users, [payload.userId]: { name: payload.name } } };
    case "account/AccountOpened": {
      const balanceMinor = minor(payload, "openingBalance", "openingBalanceMinor");
      return { ...state, accounts: { ...state.accounts, [payload.accountId]: { balanceMinor } } };
    }
    case "account/MoneyDeposited":
    case "account/InterestAccrued":
      return by(state, payload.accountId, minor(payload, "amount", "amountMinor"));
    case "account/MoneyWithdrawn":
      return by(state, payload.accountId, -minor(payload, "amount", "amountMinor"));
    case "account/TransferSent":
      return by(state, payload.from, -minor(payload, "amount", "amountMinor"));
    case "account/TransferReceived":
      return by(state, payload.to, minor(payload, "amount", "amountMinor"));
    case "order/OrderPlaced":
      return { ...state, orders: { ...state.orders, [payload.orderId]: { status: "placed", total: payload.totalMinor } } };
    default:
      return state;
  }
}
