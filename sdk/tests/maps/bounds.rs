//! Every method and impl of papaya, used with only the bounds that papaya has on types and lifetimes: the same generic
//! functions for both crates, so that a bound that is stricter here does not compile. The test is that they compile.
//!
//! Two bounds stay stricter, and their functions state them: under an explicit guard `try_insert` and `get_or_insert`
//! require `K: 'g`, because a full map has to find the rejected key again while `'g` lasts, which papaya offers with
//! `K: 'g` only; and a shared `HashSet` requires `K: Send`, without which papaya's is not sound.

macro_rules! surface {
    ($module:ident, $krate:ident) => {
        #[deny(unused_must_use, reason = "a result that papaya lets callers ignore may be ignored here")]
        #[expect(dead_code, clippy::needless_lifetimes, reason = "compiled, not run; lifetimes as papaya writes them")]
        mod $module {
            use std::collections::hash_map::RandomState;
            use std::fmt::Debug;
            use std::hash::{BuildHasher, Hash};
            use std::panic::{RefUnwindSafe, UnwindSafe};

            use $krate::{
                Compute, Equivalent, Guard, HashMap, HashMapBuilder, HashMapRef, HashSet, HashSetBuilder,
                HashSetRef, Iter, Keys, LocalGuard, OccupiedError, Operation, OwnedGuard, ResizeMode, Values,
            };
            use seize::Collector;

            fn map_makers<K, V, S>(hasher: fn() -> S) {
                HashMap::<K, V>::new();
                HashMap::<K, V>::with_capacity(1);
                HashMap::<K, V>::builder();
                HashMap::<K, V, S>::with_hasher(hasher());
                HashMap::<K, V, S>::with_capacity_and_hasher(1, hasher());
                let builder: HashMapBuilder<K, V, RandomState> = HashMap::builder();
                let builder: HashMapBuilder<K, V, S> = builder.hasher(hasher());
                let builder = builder.capacity(1).resize_mode(ResizeMode::Blocking).collector(Collector::new());
                let _: HashMap<K, V, S> = builder.build();
                HashMap::<K, V>::builder().build();
            }

            fn map_pins<'m, K, V, S>(map: &'m HashMap<K, V, S>) {
                let _: HashMapRef<'m, K, V, S, LocalGuard<'m>> = map.pin();
                let _: HashMapRef<'m, K, V, S, OwnedGuard<'m>> = map.pin_owned();
                let _: LocalGuard<'m> = map.guard();
                let _: OwnedGuard<'m> = map.owned_guard();
            }

            fn map_without_lifetime<K, V, S, Q>(
                map: &HashMap<K, V, S>,
                key: &Q,
                guard: &impl Guard,
                f: impl FnMut(&K, &V) -> bool,
            ) -> (usize, bool, bool)
            where
                K: Hash + Eq,
                S: BuildHasher,
                Q: Equivalent<K> + Hash + ?Sized,
            {
                map.reserve(1, guard);
                map.retain(f, guard);
                map.clear(guard);
                (map.len(), map.is_empty(), map.contains_key(key, guard))
            }

            fn map_get<'g, K: Hash + Eq + 'g, V, S: BuildHasher, Q: Equivalent<K> + Hash + ?Sized>(
                map: &HashMap<K, V, S>,
                key: &Q,
                guard: &'g impl Guard,
            ) -> Option<&'g V> {
                map.get(key, guard)
            }

            fn map_get_key_value<'g, K: Hash + Eq, V, S: BuildHasher, Q: Equivalent<K> + Hash + ?Sized>(
                map: &HashMap<K, V, S>,
                key: &Q,
                guard: &'g impl Guard,
            ) -> Option<(&'g K, &'g V)> {
                map.get_key_value(key, guard)
            }

            fn map_insert<'g, K: Hash + Eq, V, S: BuildHasher>(
                map: &HashMap<K, V, S>,
                (key, value): (K, V),
                guard: &'g impl Guard,
            ) -> Option<&'g V> {
                map.insert(key, value, guard)
            }

            fn map_try_insert<'g, K: Hash + Eq + 'g, V, S: BuildHasher>(
                map: &HashMap<K, V, S>,
                (key, value): (K, V),
                guard: &'g impl Guard,
            ) -> Result<&'g V, OccupiedError<'g, V>> {
                map.try_insert(key, value, guard)
            }

            fn map_try_insert_with<'g, K: Hash + Eq + 'g, V, S: BuildHasher>(
                map: &HashMap<K, V, S>,
                (key, f): (K, impl FnOnce() -> V),
                guard: &'g impl Guard,
            ) -> Result<&'g V, &'g V> {
                map.try_insert_with(key, f, guard)
            }

            fn map_get_or_insert<'g, K: Hash + Eq + 'g, V, S: BuildHasher>(
                map: &HashMap<K, V, S>,
                (key, value): (K, V),
                guard: &'g impl Guard,
            ) -> &'g V {
                map.get_or_insert(key, value, guard)
            }

            fn map_get_or_insert_with<'g, K: Hash + Eq + 'g, V, S: BuildHasher>(
                map: &HashMap<K, V, S>,
                (key, f): (K, impl FnOnce() -> V),
                guard: &'g impl Guard,
            ) -> &'g V {
                map.get_or_insert_with(key, f, guard)
            }

            fn map_update<'g, K: Hash + Eq + 'g, V, S: BuildHasher>(
                map: &HashMap<K, V, S>,
                (key, update): (K, impl Fn(&V) -> V),
                guard: &'g impl Guard,
            ) -> Option<&'g V> {
                map.update(key, update, guard)
            }

            fn map_update_or_insert<'g, K: Hash + Eq + 'g, V, S: BuildHasher>(
                map: &HashMap<K, V, S>,
                (key, update, value): (K, impl Fn(&V) -> V, V),
                guard: &'g impl Guard,
            ) -> &'g V {
                map.update_or_insert(key, update, value, guard)
            }

            fn map_update_or_insert_with<'g, K: Hash + Eq + 'g, V, S: BuildHasher>(
                map: &HashMap<K, V, S>,
                (key, update, f): (K, impl Fn(&V) -> V, impl FnOnce() -> V),
                guard: &'g impl Guard,
            ) -> &'g V {
                map.update_or_insert_with(key, update, f, guard)
            }

            fn map_compute<'g, K: Hash + Eq, V, S: BuildHasher, T>(
                map: &HashMap<K, V, S>,
                (key, compute): (K, impl FnMut(Option<(&'g K, &'g V)>) -> Operation<V, T>),
                guard: &'g impl Guard,
            ) -> Compute<'g, K, V, T> {
                map.compute(key, compute, guard)
            }

            fn map_remove<'g, K: Hash + Eq + 'g, V, S: BuildHasher, Q: Equivalent<K> + Hash + ?Sized>(
                map: &HashMap<K, V, S>,
                key: &Q,
                guard: &'g impl Guard,
            ) -> Option<&'g V> {
                map.remove(key, guard)
            }

            fn map_remove_entry<'g, K: Hash + Eq + 'g, V, S: BuildHasher, Q: Equivalent<K> + Hash + ?Sized>(
                map: &HashMap<K, V, S>,
                key: &Q,
                guard: &'g impl Guard,
            ) -> Option<(&'g K, &'g V)> {
                map.remove_entry(key, guard)
            }

            fn map_remove_if<'g, K: Hash + Eq, V, S: BuildHasher, Q: Equivalent<K> + Hash + ?Sized>(
                map: &HashMap<K, V, S>,
                (key, should_remove): (&Q, impl FnMut(&K, &V) -> bool),
                guard: &'g impl Guard,
            ) -> Result<Option<(&'g K, &'g V)>, (&'g K, &'g V)> {
                map.remove_if(key, should_remove, guard)
            }

            fn map_iter<'g, K: Hash + Eq, V, S: BuildHasher, G: Guard>(
                map: &HashMap<K, V, S>,
                guard: &'g G,
            ) -> (Iter<'g, K, V, G>, Keys<'g, K, V, G>, Values<'g, K, V, G>) {
                (map.iter(guard), map.keys(guard), map.values(guard))
            }

            fn map_pinned<'m, K, V, S, G, Q>(
                pin: &HashMapRef<'m, K, V, S, G>,
                key: &Q,
                entry: impl Fn() -> (K, V),
            ) where
                K: Hash + Eq,
                S: BuildHasher,
                G: Guard,
                Q: Equivalent<K> + Hash + ?Sized,
            {
                let owned = || entry().0;
                let value = || entry().1;
                let _: &'m HashMap<K, V, S> = pin.map();
                pin.len();
                pin.is_empty();
                pin.contains_key(key);
                let _: Option<&V> = pin.get(key);
                let _: Option<(&K, &V)> = pin.get_key_value(key);
                let _: Option<&V> = pin.insert(owned(), value());
                let _: Result<&V, OccupiedError<'_, V>> = pin.try_insert(owned(), value());
                let _: Result<&V, &V> = pin.try_insert_with(owned(), value);
                let _: &V = pin.get_or_insert(owned(), value());
                let _: &V = pin.get_or_insert_with(owned(), value);
                let _: Option<&V> = pin.update(owned(), |_| value());
                let _: &V = pin.update_or_insert(owned(), |_| value(), value());
                let _: &V = pin.update_or_insert_with(owned(), |_| value(), value);
                let _: Compute<'_, K, V, u8> = pin.compute(owned(), |_| Operation::Abort(1));
                let _: Option<&V> = pin.remove(key);
                let _: Option<(&K, &V)> = pin.remove_entry(key);
                let _: Result<Option<(&K, &V)>, (&K, &V)> = pin.remove_if(key, |_, _| true);
                pin.clear();
                pin.retain(|_, _| true);
                pin.reserve(1);
                let _: Iter<'_, K, V, G> = pin.iter();
                let _: Keys<'_, K, V, G> = pin.keys();
                let _: Values<'_, K, V, G> = pin.values();
                for (_, _) in pin {}
            }

            fn map_traits<K: Hash + Eq, V, S: BuildHasher + Default, const N: usize>(
                entries: fn() -> [(K, V); N],
            ) -> HashMap<K, V> {
                (&HashMap::<K, V, S>::default()).extend(entries());
                let _: HashMap<K, V, S> = entries().into_iter().collect();
                HashMap::from(entries())
            }

            fn map_default<K, V, S: Default>() -> HashMap<K, V, S> {
                HashMap::default()
            }

            fn map_of_copies<K: Copy + Hash + Eq, V: Copy, S: BuildHasher>(
                mut map: &HashMap<K, V, S>,
                entries: &[(K, V)],
            ) {
                map.extend(entries.iter().map(|(key, value)| (key, value)));
            }

            fn map_clone<K: Clone + Hash + Eq, V: Clone, S: BuildHasher + Clone>(
                map: &HashMap<K, V, S>,
            ) -> HashMap<K, V, S> {
                map.clone()
            }

            fn map_eq<K: Hash + Eq, V: PartialEq, S: BuildHasher>(map: &HashMap<K, V, S>) -> bool {
                map == map
            }

            fn map_debug<K: Hash + Eq + Debug, V: Debug, S: BuildHasher, G: Guard>(
                map: &HashMap<K, V, S>,
                pin: &HashMapRef<'_, K, V, S, G>,
            ) -> [String; 2] {
                [format!("{map:?}"), format!("{pin:?}")]
            }

            fn builder_debug<K, V, S>(map: &HashMapBuilder<K, V, S>, set: &HashSetBuilder<K, S>) -> String {
                format!("{map:?} {set:?}")
            }

            fn set_makers<K, S>(hasher: fn() -> S) {
                HashSet::<K>::new();
                HashSet::<K>::with_capacity(1);
                HashSet::<K>::builder();
                HashSet::<K, S>::with_hasher(hasher());
                HashSet::<K, S>::with_capacity_and_hasher(1, hasher());
                let builder: HashSetBuilder<K, RandomState> = HashSet::builder();
                let builder: HashSetBuilder<K, S> = builder.hasher(hasher());
                let builder = builder.capacity(1).resize_mode(ResizeMode::Blocking).collector(Collector::new());
                let _: HashSet<K, S> = builder.build();
                HashSet::<K>::builder().build();
            }

            fn set_pins<'s, K, S>(set: &'s HashSet<K, S>) {
                let _: HashSetRef<'s, K, S, LocalGuard<'s>> = set.pin();
                let _: HashSetRef<'s, K, S, OwnedGuard<'s>> = set.pin_owned();
                let _: LocalGuard<'s> = set.guard();
                let _: OwnedGuard<'s> = set.owned_guard();
            }

            fn set_without_lifetime<K, S, Q>(
                set: &HashSet<K, S>,
                (owned, key): (K, &Q),
                guard: &impl Guard,
                f: impl FnMut(&K) -> bool,
            ) -> [bool; 4]
            where
                K: Hash + Eq,
                S: BuildHasher,
                Q: Equivalent<K> + Hash + ?Sized,
            {
                set.len();
                set.reserve(1, guard);
                set.retain(f, guard);
                set.clear(guard);
                [
                    set.is_empty(),
                    set.contains(key, guard),
                    set.insert(owned, guard),
                    set.remove(key, guard),
                ]
            }

            fn set_get<'g, K: Hash + Eq, S: BuildHasher, Q: Equivalent<K> + Hash + ?Sized>(
                set: &HashSet<K, S>,
                key: &Q,
                guard: &'g impl Guard,
            ) -> Option<&'g K> {
                set.get(key, guard)
            }

            fn set_iter<'g, K: Hash + Eq, S: BuildHasher, G: Guard>(set: &HashSet<K, S>, guard: &'g G) {
                let _ = set.iter(guard);
            }

            fn set_items<'g, K: Hash + Eq, S: BuildHasher, G: Guard>(
                set: &HashSet<K, S>,
                guard: &'g G,
            ) -> Option<&'g K> {
                set.iter(guard).next()
            }

            fn set_pinned<'s, K, S, G, Q>(pin: &HashSetRef<'s, K, S, G>, key: &Q, owned: K)
            where
                K: Hash + Eq,
                S: BuildHasher,
                G: Guard,
                Q: Equivalent<K> + Hash + ?Sized,
            {
                let _: &'s HashSet<K, S> = pin.set();
                pin.len();
                pin.is_empty();
                pin.contains(key);
                let _: Option<&K> = pin.get(key);
                let _: bool = pin.insert(owned);
                let _: bool = pin.remove(key);
                pin.clear();
                pin.retain(|_| true);
                pin.reserve(1);
                let _: Option<&K> = pin.iter().next();
                for _ in pin {}
            }

            fn set_traits<K: Hash + Eq, S: BuildHasher + Default, const N: usize>(
                keys: fn() -> [K; N],
            ) -> HashSet<K> {
                (&HashSet::<K, S>::default()).extend(keys());
                let _: HashSet<K, S> = keys().into_iter().collect();
                HashSet::from(keys())
            }

            fn set_default<K, S: Default>() -> HashSet<K, S> {
                HashSet::default()
            }

            fn set_of_copies<K: Copy + Hash + Eq, S: BuildHasher>(mut set: &HashSet<K, S>, keys: &[K]) {
                set.extend(keys);
            }

            fn set_clone<K: Clone + Hash + Eq, S: BuildHasher + Clone>(set: &HashSet<K, S>) -> HashSet<K, S> {
                set.clone()
            }

            fn set_eq<K: Hash + Eq, S: BuildHasher>(set: &HashSet<K, S>) -> bool {
                set == set
            }

            fn set_debug<K: Hash + Eq + Debug, S: BuildHasher, G: Guard>(
                set: &HashSet<K, S>,
                pin: &HashSetRef<'_, K, S, G>,
            ) -> [String; 3] {
                [format!("{set:?}"), format!("{pin:?}"), format!("{:?}", pin.iter())]
            }

            fn is_eq<T: Eq>() {}
            fn is_send<T: Send>() {}
            fn is_send_value<T: Send>(_: T) {}
            fn is_sync<T: Sync>() {}
            fn is_unpin<T: Unpin>() {}
            fn survives_panics<T: UnwindSafe + RefUnwindSafe>() {}

            fn eq<K: Hash + Eq, V: Eq, S: BuildHasher>() {
                is_eq::<HashMap<K, V, S>>();
                is_eq::<HashSet<K, S>>();
            }

            fn send<K: Send, V: Send, S: Send>() {
                is_send::<HashMap<K, V, S>>();
                is_send::<HashMapBuilder<K, V, S>>();
                is_send::<HashSet<K, S>>();
                is_send::<HashSetBuilder<K, S>>();
            }

            fn sync<K: Send + Sync, V: Send + Sync, S: Sync>() {
                is_sync::<HashMap<K, V, S>>();
                is_sync::<HashSet<K, S>>();
            }

            fn sync_builders<K: Sync, V: Sync, S: Sync>() {
                is_sync::<HashMapBuilder<K, V, S>>();
                is_sync::<HashSetBuilder<K, S>>();
            }

            fn pins<'m, K: Send + Sync + 'm, V: Send + Sync + 'm, S: Sync + 'm>() {
                is_send::<HashMapRef<'m, K, V, S, OwnedGuard<'m>>>();
                is_sync::<HashMapRef<'m, K, V, S, OwnedGuard<'m>>>();
                is_send::<HashSetRef<'m, K, S, OwnedGuard<'m>>>();
                is_sync::<HashSetRef<'m, K, S, OwnedGuard<'m>>>();
            }

            fn iterators<K: Send + Sync + Hash + Eq, V: Send + Sync, S: BuildHasher + Sync>(
                map: &HashMapRef<'_, K, V, S, OwnedGuard<'_>>,
                set: &HashSetRef<'_, K, S, OwnedGuard<'_>>,
            ) {
                is_send_value((map.iter(), map.keys(), map.values(), set.iter()));
            }

            fn unpin<'m, K: Unpin + 'm, V: Unpin + 'm, S: Unpin + 'm>() {
                is_unpin::<HashMap<K, V, S>>();
                is_unpin::<HashMapRef<'m, K, V, S, LocalGuard<'m>>>();
                is_unpin::<HashMapBuilder<K, V, S>>();
                is_unpin::<HashSet<K, S>>();
                is_unpin::<HashSetRef<'m, K, S, LocalGuard<'m>>>();
                is_unpin::<HashSetBuilder<K, S>>();
            }

            fn unwind<K: RefUnwindSafe, V: RefUnwindSafe, S: UnwindSafe + RefUnwindSafe>() {
                survives_panics::<HashMap<K, V, S>>();
                survives_panics::<HashSet<K, S>>();
            }

            fn shorter_pins<'short, 'long: 'short, K, V, S>(
                map: HashMapRef<'long, K, V, S, LocalGuard<'long>>,
                set: HashSetRef<'long, K, S, LocalGuard<'long>>,
            ) -> (
                HashMapRef<'short, K, V, S, LocalGuard<'short>>,
                HashSetRef<'short, K, S, LocalGuard<'short>>,
            ) {
                (map, set)
            }
        }
    };
}

surface!(papayas, papaya);
surface!(ours, mapwarden);
