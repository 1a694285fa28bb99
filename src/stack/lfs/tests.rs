use super::*;

const DIGEST: &str = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";

#[test]
fn a_pointer_tells_digest_and_size() {
    let text = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{DIGEST}\nsize 12345\n");
    let found = pointer(text.as_bytes()).unwrap();
    assert_eq!((found.sha256.as_str(), found.bytes), (DIGEST, 12345));
    let more = text.replace("oid", "ext-0-x sha256:1\noid");
    assert_eq!(pointer(more.as_bytes()), Some(found));
}

#[test]
fn nothing_else_is_one() {
    let begin = "version https://git-lfs.github.com/spec/v1\n";
    let long = format!("{begin}oid sha256:{DIGEST}\nsize 1\n{}", "x".repeat(1024));
    for text in [
        "",
        "version 1\n",
        begin,
        &format!("{begin}oid sha256:abc\nsize 1\n"),
        &format!("{begin}oid sha256:{DIGEST}\nsize -1\n"),
        &format!("{begin}oid md5:{DIGEST}\nsize 1\n"),
        &long,
    ] {
        assert_eq!(pointer(text.as_bytes()), None, "{text}");
    }
    assert_eq!(pointer(b"\x08\x08\xff\xfe"), None);
}
