// An order of the shop, from the first item in the basket to the parcel in the letterbox.
//
// Prices are folded in whole cents and shown in euros.

export const initialState = null;

/** Schema 1: `12.5`. Schema 2: `{ cents: 1250, currency: "EUR" }`. */
const cents = (price) => (price !== null && typeof price === "object" ? price.cents : Math.round(price * 100));

const off = (coupon, subtotal) =>
  "percent" in coupon ? Math.round((subtotal * coupon.percent) / 100) : cents(coupon.amount);

/** The order with its sums worked out again. */
function priced(order) {
  const items = order.items.map((item) => ({ ...item, sum: (cents(item.unitPrice) * item.quantity) / 100 }));
  const subtotal = items.reduce((sum, item) => sum + cents(item.sum), 0);
  const discount = order.coupons.reduce((sum, coupon) => sum + off(coupon, subtotal), 0);
  const shipping = order.shipping === null ? 0 : cents(order.shipping.price);
  return {
    ...order,
    items,
    subtotal: subtotal / 100,
    discount: discount / 100,
    total: (subtotal - discount + shipping) / 100,
  };
}

export function evolve(order, event) {
  const { type, data } = event;
  if (type === "OrderOpened") {
    return {
      order: event.stream,
      customer: data.customer,
      channel: data.channel,
      status: "open",
      items: [],
      coupons: [],
      shipping: null,
      subtotal: 0,
      discount: 0,
      total: 0,
      payment: { status: "none", method: null, captured: 0, refunded: 0, declined: null },
      parcel: null,
      note: null,
    };
  }
  if (order === null) throw new Error(`${type} before OrderOpened: ${event.stream} does not exist yet`);

  switch (type) {
    case "ItemAdded": {
      const { sku, name, options } = data.item ?? data;
      const known = order.items.findIndex((item) => item.sku === sku);
      const items =
        known < 0
          ? [
              ...order.items,
              {
                sku,
                name,
                quantity: data.quantity,
                unitPrice: cents(data.unitPrice) / 100,
                note: options?.note ?? null,
              },
            ]
          : order.items.map((item, at) => (at === known ? { ...item, quantity: item.quantity + data.quantity } : item));
      return priced({ ...order, items });
    }
    case "QuantityChanged":
      return priced({
        ...order,
        items: order.items.map((item) => (item.sku === data.sku ? { ...item, quantity: data.quantity } : item)),
      });
    case "ItemRemoved":
      return priced({ ...order, items: order.items.filter((item) => item.sku !== data.sku) });
    case "CouponApplied":
      return priced({ ...order, coupons: [...order.coupons, data] });
    case "CouponRevoked":
      return priced({ ...order, coupons: order.coupons.filter((coupon) => coupon.code !== data.code) });
    case "ShippingChosen":
      return priced({
        ...order,
        shipping: { method: data.method, price: cents(data.price) / 100, address: data.address },
      });
    case "GiftNoteWritten":
      return { ...order, note: { to: data.to, text: data.text } };
    case "OrderPlaced":
      return { ...order, status: "placed" };
    case "OrderReopened":
      return { ...order, status: "open", payment: { ...order.payment, status: "none", declined: null } };
    case "OrderCancelled":
      return { ...order, status: "cancelled" };
    case "PaymentRequested":
      return { ...order, payment: { ...order.payment, status: "requested" } };
    case "PaymentDeclined":
      return {
        ...order,
        status: "payment declined",
        payment: { ...order.payment, status: "declined", declined: data.reason },
      };
    case "PaymentAuthorised":
      return { ...order, payment: { ...order.payment, status: "authorised", method: data.method, declined: null } };
    case "PaymentCaptured":
      return {
        ...order,
        status: "paid",
        payment: {
          ...order.payment,
          status: "captured",
          captured: (cents(order.payment.captured) + cents(data.amount)) / 100,
        },
      };
    case "RefundIssued":
      return {
        ...order,
        payment: {
          ...order.payment,
          status: "refunded",
          refunded: (cents(order.payment.refunded) + cents(data.amount)) / 100,
        },
      };
    case "OrderReleased":
      return { ...order, status: "released", parcel: { warehouse: data.warehouse, picker: data.picker } };
    case "OrderShipped":
      return {
        ...order,
        status: "shipped",
        parcel: { ...order.parcel, carrier: data.carrier, tracking: data.tracking },
      };
    case "OrderDelivered":
      return { ...order, status: "delivered", parcel: { ...order.parcel, delivered: event.time.slice(0, 16) } };
    case "ItemReturned":
      return { ...order, status: "returned" };
    default:
      return order;
  }
}
