// What the app shows about a user's own doings: a read model over their timeline. It exists before its first event.

export const initialState = (stream) => ({
  user: stream.replace("activity-", "user-"),
  online: false,
  sessions: 0,
  lastSeen: null,
  unread: 0,
  points: 0,
  badges: [],
  viewed: {},
  searches: [],
  wishes: [],
  reviews: 0,
});

const RECENT_SEARCHES = 5;

/** `2025-03-01T09:59` */
const minute = (event) => event.time.slice(0, 16);

export function evolve(activity, event) {
  const { type, data } = event;
  switch (type) {
    case "SessionStarted":
      return { ...activity, online: true, sessions: activity.sessions + 1, lastSeen: minute(event) };
    case "SessionEnded":
      return { ...activity, online: false, lastSeen: minute(event) };
    case "ItemViewed":
      return { ...activity, viewed: { ...activity.viewed, [data.sku]: (activity.viewed[data.sku] ?? 0) + 1 } };
    case "SearchMade":
      return { ...activity, searches: [data.words, ...activity.searches].slice(0, RECENT_SEARCHES) };
    case "NotificationSent":
      return { ...activity, unread: activity.unread + 1 };
    case "NotificationsRead":
      return { ...activity, unread: 0 };
    case "PointsEarned":
      return { ...activity, points: activity.points + data.points };
    case "PointsSpent":
      return { ...activity, points: activity.points - data.points };
    case "BadgeAwarded":
      return { ...activity, badges: [...activity.badges, data.badge] };
    case "WishAdded":
      return { ...activity, wishes: [...activity.wishes, data.sku] };
    case "ReviewWritten":
      return { ...activity, reviews: activity.reviews + 1 };
    default:
      return activity; // Pages viewed are counted elsewhere.
  }
}
