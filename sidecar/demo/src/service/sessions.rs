//! What comes in: a user's id. What goes out: the session, created at the first visit.

use std::time::Duration;

use mapwarden::Objective;
use mapwarden_contract::ObjectiveError;

/// The most sessions, at 100 bytes each 10 MB; further ones are rejected.
const MOST_SESSIONS: usize = 100_000;

/// What is known about a visitor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Session {
    /// Pages seen.
    pub(crate) pages: u64,
    /// What the cart holds, in cents.
    pub(crate) cart_cents: u64,
}

/// Sessions by user id.
pub(crate) struct Sessions {
    sessions: mapwarden::HashMap<String, Session>,
}

impl Sessions {
    /// Restores the sessions that another process of the service left in the session store.
    ///
    /// # Errors
    /// None with the objectives below; the constructors check them like any others.
    pub(crate) fn restored(users: impl IntoIterator<Item = String>) -> Result<Self, ObjectiveError> {
        let sessions = mapwarden::HashMap::builder()
            .name("sessions")
            .max_entries(MOST_SESSIONS)
            .objective(Objective::availability(0.999)?)
            .objective(Objective::hit_ratio(0.95)?)
            .objective(Objective::latency(Duration::from_millis(1), 0.99)?)
            .build();
        for user in users {
            sessions.pin().insert(user, Session::default());
        }
        Ok(Self { sessions })
    }

    /// Records a visit, and returns the session after it.
    pub(crate) fn visit(&self, user: &str, price_cents: u64) -> Session {
        let sessions = self.sessions.pin();
        if sessions.get(user).is_none() {
            sessions.get_or_insert_with(user.to_owned(), Session::default);
        }
        sessions
            .update(user.to_owned(), |session| Session {
                pages: session.pages + 1,
                cart_cents: session.cart_cents + price_cents,
            })
            .cloned()
            .unwrap_or_default()
    }

    /// Empties the cart, and returns what it held.
    pub(crate) fn take_cart(&self, user: &str) -> u64 {
        let sessions = self.sessions.pin();
        let Some(session) = sessions.get(user) else {
            sessions.get_or_insert_with(user.to_owned(), Session::default);
            return 0;
        };
        let cents = session.cart_cents;
        sessions.update(user.to_owned(), |session| Session { cart_cents: 0, ..session.clone() });
        cents
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cart_holds_its_items_until_it_is_taken() {
        let sessions = Sessions::restored(["ada".to_owned()]).unwrap();
        assert_eq!(sessions.visit("ada", 300), Session { pages: 1, cart_cents: 300 });
        assert_eq!(sessions.visit("ada", 200), Session { pages: 2, cart_cents: 500 });
        assert_eq!(sessions.visit("bob", 100), Session { pages: 1, cart_cents: 100 });
        assert_eq!([sessions.take_cart("ada"), sessions.take_cart("ada")], [500, 0]);
        assert_eq!(sessions.take_cart("eve"), 0);
    }
}
