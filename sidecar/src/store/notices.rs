//! Rows of notices. Comes in: notices as the notice stage keeps them. Goes out: bytes, and back.
//! Never drops an open notice.

use mapwarden_contract::UnixNanos;
use redb::{ReadableTable as _, ReadableTableMetadata as _};

use super::error::{StoreError, database};
use mapwarden_engine::budget::Tier;
use mapwarden_engine::notice;

/// How many notices are kept on disk; more only while more are open. Raised, the file grows; lowered, older notices are gone
/// after a restart.
const KEPT_NOTICES: u64 = 500;

/// Removes the oldest notices beyond [`KEPT_NOTICES`] that are resolved: an open one must still be resolved.
pub(super) fn trim(notices: &mut redb::Table<'_, &'static str, &'static [u8]>) -> Result<(), StoreError> {
    let mut beyond = notices.len().map_err(database)?.saturating_sub(KEPT_NOTICES);
    if beyond == 0 {
        return Ok(());
    }
    let mut gone = Vec::new();
    for row in notices.iter().map_err(database)? {
        if beyond == 0 {
            break;
        }
        let (id, value) = row.map_err(database)?;
        if read_notice(value.value())?.notice.state == notice::NoticeState::Resolved {
            gone.push(id.value().to_owned());
            beyond -= 1;
        }
    }
    for id in gone {
        notices.remove(id.as_str()).map_err(database)?;
    }
    Ok(())
}

pub(super) fn write_notice(kept: &notice::StoredNotice) -> Result<Vec<u8>, StoreError> {
    let notice::StoredNotice { notice, tier, floor, users, tenants } = kept;
    let users = (&users.affected, &users.active);
    let tenants = (&tenants.affected, &tenants.active);
    let row = StoreError::Row { table: "notices" };
    let Ok(json) = serde_json::to_string(notice) else { return Err(row) };
    let tier = tier.map(Tier::name);
    postcard::to_stdvec(&(json, tier, floor.get(), users, tenants)).map_err(|_| row)
}

pub(super) fn read_notice(bytes: &[u8]) -> Result<notice::StoredNotice, StoreError> {
    let row = |_| StoreError::Row { table: "notices" };
    type SketchBytes = (Vec<u8>, Vec<u8>);
    let (head, rest): ((String, Option<String>, u64, SketchBytes), _) =
        postcard::take_from_bytes(bytes).map_err(row)?;
    let (json, tier, floor, users) = head;
    let tenants: SketchBytes =
        if rest.is_empty() { SketchBytes::default() } else { postcard::from_bytes(rest).map_err(row)? };
    let crowd = |(affected, active): SketchBytes| notice::StoredSketches { affected, active };
    let notice = serde_json::from_str(&json).map_err(|_| StoreError::Row { table: "notices" })?;
    let tier = tier.and_then(|name| Tier::ALL.into_iter().find(|tier| tier.name() == name));
    let floor = UnixNanos::new(floor);
    Ok(notice::StoredNotice { notice, tier, floor, users: crowd(users), tenants: crowd(tenants) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_without_tenants_is_read() {
        let notice = mapwarden_engine::notice::samples::MISSING;
        let sketches = |first: u8| (vec![first], vec![first, first]);
        let old = postcard::to_stdvec(&(notice, Some("quick_page"), 7_u64, sketches(1))).unwrap();
        let mut kept = read_notice(&old).unwrap();
        assert_eq!((kept.floor, kept.users.active.len()), (UnixNanos::new(7), 2));
        assert_eq!(kept.tenants, notice::StoredSketches::default());
        kept.tenants = notice::StoredSketches { affected: vec![3], active: Vec::new() };
        let again = read_notice(&write_notice(&kept).unwrap()).unwrap();
        assert_eq!((again.users, again.tenants, again.tier), (kept.users, kept.tenants, kept.tier));
    }
}
