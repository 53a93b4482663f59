//! Which names exist, and which one was probably meant.

use super::setting::SettingInfo;
use super::settings;

/// The end of a name that names a file with the value.
pub const FILE_SUFFIX: &str = "_file";

/// Whether a name is a setting, or a setting's name with `_file`.
pub fn is_known(name: &str) -> bool {
    let is_setting = |name: &str| settings::all().any(|info| info.name == name);
    is_setting(name) || name.strip_suffix(FILE_SUFFIX).is_some_and(is_setting)
}

/// The known name that is most similar to this one.
pub fn nearest(name: &str) -> String {
    let of_setting = |info: SettingInfo| {
        let with_suffix = format!("{}{FILE_SUFFIX}", info.name);
        let is_path = name.ends_with(FILE_SUFFIX);
        std::iter::once(info.name.to_owned()).chain(is_path.then_some(with_suffix))
    };
    let similarity = |known: &str| strsim::normalized_damerau_levenshtein(name, known);
    settings::all()
        .flat_map(of_setting)
        .max_by(|one, other| similarity(one).total_cmp(&similarity(other)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_can_be_read_from_a_file() {
        for known in [
            "listen",
            "listen_file",
            "signing_key_file",
            "signing_key_file_file",
        ] {
            assert!(is_known(known), "{known}");
        }
        for unknown in ["port", "listen_file_file", "signing_key", "", "_file"] {
            assert!(!is_known(unknown), "{unknown}");
        }
    }

    #[test]
    fn a_mistyped_name_finds_its_setting() {
        for (mistyped, meant) in [
            ("lissten", "listen"),
            ("import_worker", "import_workers"),
            ("databse_url", "database_url"),
            ("database_uri_file", "database_url_file"),
            ("signing_key", "signing_key_file"),
            ("limit_mail_to_adress", "limit_mail_to_address"),
        ] {
            assert_eq!(nearest(mistyped), meant);
        }
    }
}
