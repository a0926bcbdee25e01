//! Whether an event type says that the entity of its stream is gone.

/// The words that end an entity.
const ENDINGS: [&str; 4] = ["deleted", "removed", "destroyed", "purged"];

/// Whether this event type ends an entity of this category: it ends in Deleted, Removed, Destroyed or Purged, and what
/// stands before that is the category itself.
///
/// Case, separators inside a name, and singular or plural do not matter; a namespace before the name (separated by `.`,
/// `/` or `:`) and a version or the word Event behind it are passed over. `UserDeleted`, `user.deleted`, `users_removed`
/// and `com.shop.User-Purged.v2` end `user-1`; `EmailRemoved` does not, nor does `Deleted` alone, which names nothing.
pub fn ends(event_type: &str, category: &str) -> bool {
    let mut parts: Vec<String> = event_type.split(['.', '/', ':']).map(plain).filter(|part| !part.is_empty()).collect();
    while parts.len() > 1 && parts.last().is_some_and(|part| unversioned(part).is_empty()) {
        parts.pop();
    }
    let Some(last) = parts.pop() else { return false };
    let last = unversioned(&last);
    let last = last.strip_suffix("event").unwrap_or(last);
    let Some(subject) = ENDINGS.iter().find_map(|ending| last.strip_suffix(ending)) else { return false };
    let subject = if subject.is_empty() { parts.pop().unwrap_or_default() } else { subject.to_owned() };
    // Categories may have kinds behind a colon (`account:command`) and namespaces of their own.
    let category = category.split(':').next().unwrap_or_default();
    let category = plain(category.rsplit(['.', '/']).next().unwrap_or_default());
    !subject.is_empty() && (subject == category || is_plural(&subject, &category) || is_plural(&category, &subject))
}

/// Letters and digits only, in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The name without a version at its end: `v2`.
fn unversioned(name: &str) -> &str {
    let digitless = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if digitless.len() == name.len() { name } else { digitless.strip_suffix('v').unwrap_or(name) }
}

/// Whether `many` is the plural of `one`, by the regular rules.
fn is_plural(many: &str, one: &str) -> bool {
    many.strip_suffix('s') == Some(one)
        || many.strip_suffix("es") == Some(one)
        || many.strip_suffix("ies").is_some_and(|stem| one.strip_suffix('y') == Some(stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_streams_own_subject_ends_it() {
        for (event_type, category) in [
            ("UserDeleted", "user"),
            ("user.deleted", "user"),
            ("user_removed", "user"),
            ("USER-DESTROYED", "users"),
            ("com.shop.order.purged", "order"),
            ("com.shop.OrderPurged", "Orders"),
            ("Shop/Orders/OrderDeleted", "order"),
            ("user.deleted.v1", "user"),
            ("UserDeletedV12", "user"),
            ("UserDeletedEvent", "user"),
            ("user-profile-deleted", "UserProfile"),
            ("UserProfileDeleted", "user_profiles"),
            ("CategoryDeleted", "categories"),
            ("AddressRemoved", "addresses"),
            ("AccountPurged", "account:command"),
            ("ShopUserDeleted", "Shop.ShopUser"),
            ("KontoGelöschtDeleted", "kontogelöscht"),
        ] {
            assert!(ends(event_type, category), "{event_type} on {category}");
        }
        for (event_type, category) in [
            ("ItemRemoved", "order"),
            ("OrderItemRemoved", "order"),
            ("order.item.removed", "order"),
            ("Deleted", "user"),
            ("UserUndeleted", "user"),
            ("UserDeletedAgain", "user"),
            ("UserCreated", "user"),
            ("", ""),
            ("deleted", ""),
            (".deleted", ""),
            ("v1", "v"),
            ("UserDeletionRequested", "user"),
        ] {
            assert!(!ends(event_type, category), "{event_type} on {category}");
        }
    }
}
