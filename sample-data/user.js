// A user: the profile as it is today. A deleted user is absent.

export const initialState = null;

export function evolve(user, event) {
  const { type, data } = event;
  switch (type) {
    case "UserCreated": {
      // Schema 1: the name is one text. Schema 2: it has parts, and contact details have a place of their own.
      const two = event.metadata.schemaVersion >= 2;
      return {
        user: event.stream,
        name: two ? data.name.display : data.name,
        formerNames: [],
        email: { address: two ? data.contact.email : data.email, verified: false },
        locale: data.locale,
        addresses: {},
        preferences: null,
        avatar: null,
        deletion: null,
        flagged: false,
        since: event.time.slice(0, 10),
      };
    }
    case "ProfileSynced":
      // The phone has the last word: a profile edited there replaces what we have.
      return {
        ...user,
        name: data.profile.name,
        email: { address: data.profile.email, verified: user?.email?.verified ?? false },
        locale: data.profile.locale,
        avatar: data.profile.avatar,
      };
    case "UserDeleted":
      return null;
  }
  if (user === null) return null; // Nothing else concerns a user who does not exist.

  switch (type) {
    case "EmailVerified":
      return { ...user, email: { address: data.email, verified: true } };
    case "EmailChanged":
      return { ...user, email: { address: data.to, verified: false } };
    case "AddressAdded": {
      const { label, ...address } = data.address;
      return { ...user, addresses: { ...user.addresses, [label]: address } };
    }
    case "PreferencesChanged":
      return { ...user, preferences: { ...user.preferences, ...data.preferences } };
    case "UserRenamed":
      return { ...user, name: data.to, formerNames: [...user.formerNames, data.from] };
    case "UserFlagged":
      return { ...user, flagged: true };
    case "DeletionRequested":
      return { ...user, deletion: { requested: event.time.slice(0, 16), graceHours: data.graceHours } };
    default:
      return user;
  }
}
