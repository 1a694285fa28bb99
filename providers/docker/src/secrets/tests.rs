use std::io::Read as _;

use mlstack_provider::Secret;

use super::{Owner, pack, unpack_text};

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\npostgres:x:999:998::/var/lib/postgresql:/bin/sh\nbroken\n";
const GROUP: &str = "root:x:0:\nssl:x:101:postgres\n";

fn owner(user: &str) -> Option<(u64, u64)> {
    Owner::parse(user, PASSWD, GROUP).map(|owner| (owner.uid, owner.gid))
}

#[test]
fn users_are_found_as_the_engine_finds_them() {
    assert_eq!(owner(""), Some((0, 0)));
    assert_eq!(owner("10001"), Some((10001, 0)));
    assert_eq!(owner("10001:10002"), Some((10001, 10002)));
    assert_eq!(owner("999"), Some((999, 998)), "the group comes from passwd");
    assert_eq!(owner("postgres"), Some((999, 998)));
    assert_eq!(owner("postgres:ssl"), Some((999, 101)));
    assert_eq!(owner("nobody"), None);
    assert_eq!(owner("postgres:nogroup"), None);
}

#[test]
fn files_are_for_their_owner_alone() {
    let secret = Secret::new("hunter2\n");
    let packed = pack(Owner { uid: 7, gid: 8 }, [("db-password", &secret)]).expect("pack");
    let mut archive = tar::Archive::new(packed.as_slice());
    let mut entry = archive.entries().expect("entries").next().expect("one").expect("entry");
    let header = entry.header();
    assert_eq!(
        (
            header.uid().expect("uid"),
            header.gid().expect("gid"),
            header.mode().expect("mode")
        ),
        (7, 8, 0o400)
    );
    assert_eq!(entry.path().expect("path").to_str(), Some("db-password"));
    let mut text = String::new();
    entry.read_to_string(&mut text).expect("text");
    assert_eq!(text, "hunter2\n");
}

#[test]
fn a_text_file_comes_out_of_an_archive() {
    let packed = pack(Owner::default(), [("passwd", &Secret::new(PASSWD))]).expect("pack");
    assert_eq!(unpack_text(&packed), PASSWD);
    assert_eq!(unpack_text(b"no archive"), "");
    assert_eq!(unpack_text(b""), "");
}
