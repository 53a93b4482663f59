//! The columns that `errors.csv` has behind those of the file.

/// What stands behind each row that failed: the code, and the words.
pub const ERROR_COLUMNS: [&str; 2] = ["error_code", "error"];

/// How many columns stand before the errors, where this is the header of an `errors.csv` that comes
/// back.
///
/// A row with too many cells has the last of them behind its error. A spreadsheet program that saves
/// the file anew gives them columns, whose names are blank.
#[must_use]
pub fn columns_before_errors(header: &[String]) -> Option<usize> {
    let last_named = header.iter().rposition(|name| !name.trim().is_empty())?;
    let named = header.get(..=last_named)?;
    let before = named.len().checked_sub(ERROR_COLUMNS.len())?;
    let last = named.iter().skip(before).map(|name| name.trim());
    last.eq(ERROR_COLUMNS).then_some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(header: &str) -> Option<usize> {
        let header: Vec<String> = header.split(',').map(str::to_owned).collect();
        columns_before_errors(&header)
    }

    #[test]
    fn errors_stand_last() {
        assert_eq!(before("email,username,error_code,error"), Some(2));
        assert_eq!(before("email,,error_code,error"), Some(2));
        assert_eq!(before("email,error_code,error,, ,"), Some(1));
        assert_eq!(before("error_code,error"), Some(0));
    }

    #[test]
    fn other_headers_have_none() {
        for header in [
            "",
            "error",
            "email,username",
            "error_code,error,email",
            "email,error,error_code",
        ] {
            assert_eq!(before(header), None, "{header}");
        }
    }
}
