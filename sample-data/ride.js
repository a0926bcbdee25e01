// A ride, as rider and driver see it. Its money is in the payment stream of the same number (see payment.js).

export const initialState = null;

// No ride of ours is longer than the coast road there and back.
const LONGEST_RIDE_METRES = 400_000;
const TOO_LONG =
  `no ride is longer than ${LONGEST_RIDE_METRES}. 2^64 - 1 means that the meter ran backwards past zero; ` +
  "see the driver's odometer at RideStarted";

const euros = (cents) => cents / 100;

/** Schema 1: `{ base, distance, time, total }` in euros. Schema 2: `{ fare: { cents, parts: [{ kind, cents }] } }`. */
function fareOf(event) {
  if (event.metadata.schemaVersion >= 2) {
    const { cents, parts } = event.data.fare;
    return { ...Object.fromEntries(parts.map((part) => [part.kind, euros(part.cents)])), total: euros(cents) };
  }
  const { base, distance, time, total } = event.data;
  return { base, distance, time, total };
}

/** What the rider pays in all. */
const withTotal = (ride) => ({
  ...ride,
  total: euros(Math.round((ride.fare?.total ?? 0) * 100) + Math.round(ride.tip * 100)),
});

export function evolve(ride, event) {
  const { type, data } = event;
  if (type === "RideRequested") {
    return {
      ride: event.stream,
      rider: data.rider,
      status: "requested",
      pickup: data.pickup,
      dropoff: data.dropoff,
      wishes: data.wishes ?? [],
      driver: null,
      detours: [],
      distanceKm: null,
      minutes: null,
      fare: null,
      tip: 0,
      total: 0,
      rating: null,
    };
  }
  if (ride === null) throw new Error(`${type} before RideRequested: ${event.stream} does not exist yet`);

  switch (type) {
    case "DriverAssigned":
      return { ...ride, status: "driver on the way", driver: data.driver };
    case "DriverWithdrew":
      return { ...ride, status: "requested", driver: null };
    case "DriverArrived":
      return { ...ride, status: "driver waiting" };
    case "RideStarted":
      return { ...ride, status: "under way" };
    case "RouteChanged":
      return { ...ride, detours: [...ride.detours, data.reason] };
    case "RideCompleted":
      if (data.distanceMetres > LONGEST_RIDE_METRES) {
        throw new RangeError(`distanceMetres is ${data.distanceMetres}: ${TOO_LONG}`);
      }
      return {
        ...ride,
        status: "completed",
        distanceKm: Math.round(data.distanceMetres / 10) / 100,
        minutes: Math.round(data.durationSeconds / 60),
      };
    case "RideCancelled":
      return {
        ...ride,
        status: `cancelled by ${data.by}`,
        fare: data.fee === null ? null : { noShow: data.fee, total: data.fee },
      };
    case "FareCalculated":
      return withTotal({ ...ride, fare: fareOf(event) });
    case "TipAdded":
      return withTotal({ ...ride, tip: data.amount });
    case "RideRated":
      return { ...ride, rating: { stars: data.stars, comment: data.comment } };
    default:
      return ride;
  }
}
