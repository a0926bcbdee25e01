// The payment of a ride: what was set aside, what was taken, what is still to come back.

export const initialState = (stream) => ({
  payment: stream,
  status: "none",
  authorised: 0,
  captured: 0,
  tips: 0,
  captures: [],
  receipts: [],
});

const plus = (sum, amount) => (Math.round(sum * 100) + Math.round(amount * 100)) / 100;

export function evolve(payment, event) {
  const { type, data } = event;
  switch (type) {
    case "PaymentRequested":
      return { ...payment, status: "requested", ride: data.ride, payer: data.payer };
    case "PaymentAuthorised":
      return { ...payment, status: "authorised", authorised: data.amount, method: data.method };
    case "PaymentCaptured":
      return {
        ...payment,
        status: "captured",
        captured: plus(payment.captured, data.amount),
        captures: [...payment.captures, { id: data.capture, amount: data.amount }],
      };
    case "TipCaptured":
      return { ...payment, tips: plus(payment.tips, data.amount) };
    case "PaymentVoided":
      return { ...payment, status: "voided", authorised: 0 };
    case "ReceiptIssued":
      return { ...payment, receipts: [...payment.receipts, data.number] };
    default:
      return payment;
  }
}
