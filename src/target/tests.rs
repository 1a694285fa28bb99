use super::*;

#[test]
fn every_target_is_found_by_its_name() {
    for target in Target::ALL {
        assert_eq!(target.to_string().parse(), Ok(target));
    }
}

#[test]
fn other_names_say_what_to_use() {
    let said = |name: &str| name.parse::<Target>().unwrap_err().to_string();
    assert_eq!(
        said("aws"),
        "target `aws` is not in this version; it can use `compose` and `k8s`"
    );
    assert_eq!(said("compse"), "there is no target `compse`: did you mean `compose`?");
    assert_eq!(
        said("terrafrom"),
        "there is no target `terrafrom`: did you mean `terraform`?"
    );
    assert_eq!(
        said("nomad"),
        "there is no target `nomad`; this version can use `compose` and `k8s`"
    );
    assert_eq!(
        said(""),
        "there is no target ``; this version can use `compose` and `k8s`"
    );
}
