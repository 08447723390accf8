use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn path(ids: &[u16]) -> Path {
    Path::new(ids).unwrap()
}

#[test]
fn a_path_fits_ten_bytes() {
    assert!(size_of::<Path>() <= 10);
}

#[test]
fn dm_3_only_canonical_identifiers_are_read() {
    for (text, expected) in [
        ("/", Ok(Path::ROOT)),
        ("/0", Ok(path(&[0]))),
        ("/3/0/0", Ok(path(&[3, 0, 0]))),
        ("/65534/65534/65534/65534", Ok(path(&[65534; 4]))),
        ("", Err(PathError::Id)),
        ("3/0", Err(PathError::Id)),
        ("//", Err(PathError::Id)),
        ("/03/0", Err(PathError::Id)),
        ("/00", Err(PathError::Id)),
        ("/3/", Err(PathError::Id)),
        ("/3//0", Err(PathError::Id)),
        ("/65535", Err(PathError::Id)),
        ("/65536", Err(PathError::Id)),
        ("/99999999999999999999", Err(PathError::Id)),
        ("/-1", Err(PathError::Id)),
        ("/+1", Err(PathError::Id)),
        ("/3/a", Err(PathError::Id)),
        ("/3/0/0/0/0", Err(PathError::Depth)),
    ] {
        assert_eq!(text.parse::<Path>(), expected, "{text}");
    }
}

#[test]
fn dm_3_uri_path_segments_are_read_one_by_one() {
    let read = |segments: &[&[u8]]| Path::from_segments(segments.iter().copied());
    assert_eq!(read(&[]), Ok(Path::ROOT));
    assert_eq!(read(&[b"3", b"0", b"6", b"1"]), Ok(path(&[3, 0, 6, 1])));
    for wrong in [&[b"3/0".as_slice()] as &[&[u8]], &[b"03"], &[b""], &[b"3", b""], &[b"rd"], &[b"65535"]] {
        assert_eq!(read(wrong), Err(PathError::Id), "{wrong:?}");
    }
    assert_eq!(read(&[b"1".as_slice(); 5]), Err(PathError::Depth));
}

#[test]
fn identifiers_are_found_by_their_level() {
    let ri = path(&[3, 0, 6, 1]);
    assert_eq!((ri.object(), ri.instance()), (Some(3), Some(0)));
    assert_eq!((ri.resource(), ri.resource_instance()), (Some(6), Some(1)));
    assert_eq!(ri.parent(), Some(path(&[3, 0, 6])));
    assert_eq!(ri.ancestor(1), path(&[3]));
    assert_eq!(ri.ancestor(0), Path::ROOT);
    assert_eq!(ri.ancestor(9), ri);
    assert_eq!(Path::ROOT.parent(), None);
    assert_eq!(Path::ROOT.object(), None);
    assert_eq!(ri.child(0), Err(PathError::Depth));
    assert_eq!(Path::ROOT.child(65535), Err(PathError::Id));
}

#[test]
fn a_node_contains_itself_and_what_lies_below() {
    let instance = path(&[3, 0]);
    assert!(Path::ROOT.contains(instance) && instance.contains(instance));
    assert!(instance.contains(path(&[3, 0, 0])));
    assert!(!instance.contains(path(&[3])) && !instance.contains(path(&[3, 1, 0])));
}

#[test]
fn a_tree_is_ordered_as_it_is_walked() {
    let walked =
        [path(&[1]), path(&[1, 0]), path(&[1, 0, 9]), path(&[1, 0, 10, 0]), path(&[1, 2]), path(&[3])];
    let mut sorted = walked;
    sorted.reverse();
    sorted.sort();
    assert_eq!(sorted, walked);
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(ids in prop::collection::vec(0..u16::MAX, 0..=4)) {
        let path = path(&ids);
        prop_assert_eq!(Path::parse(path.to_string().as_bytes()), Ok(path));
        prop_assert_eq!(path.ids(), ids.as_slice());
        let segments: Vec<_> = ids.iter().map(ToString::to_string).collect();
        prop_assert_eq!(Path::from_segments(segments.iter().map(|s| s.as_bytes())), Ok(path));
    }

    #[test]
    fn any_bytes_are_refused_or_canonical(text in "[/0-9a]{0,24}") {
        if let Ok(path) = Path::parse(text.as_bytes()) {
            prop_assert_eq!(format!("{path}"), text);
        }
    }
}
