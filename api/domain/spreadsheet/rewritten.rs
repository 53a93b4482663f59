//! Cells in which something else stands than what somebody knows: numbers and dates as spreadsheet programs write
//! them, hashes of passwords, and marks that were around it.

/// Whether a spreadsheet program takes a cell for a number with an exponent, as `4.47112E+15`, which it
/// writes for a long row of digits as well. The digits are lost then.
#[must_use]
pub fn is_number_like(cell: &str) -> bool {
    let unsigned = |text: &str| text.trim_start_matches(['+', '-']).to_owned();
    let Some((mantissa, exponent)) = cell.trim().split_once(['e', 'E']) else {
        return false;
    };
    let mantissa = unsigned(mantissa);
    let digits = mantissa.chars().filter(char::is_ascii_digit).count();
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_mantissa = mantissa
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '.' | ','));
    digits > 0 && is_mantissa && is_digits(&unsigned(exponent))
}

/// Whether a spreadsheet program takes a cell for a date with the name of a month, as `12-Sep-2026`, and writes it in
/// another way.
#[must_use]
pub fn is_date_like(cell: &str) -> bool {
    let is_between = |c: char| matches!(c, '-' | '/' | '.' | ',' | ' ');
    let parts: Vec<&str> = cell
        .split(is_between)
        .filter(|part| !part.is_empty())
        .collect();
    let (day, month, year) = match *parts.as_slice() {
        [month, day, year] if is_month(month) => (day, month, year),
        [year, month, day] if year.len() == 4 => (day, month, year),
        [day, month, year] => (day, month, year),
        _ => return false,
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_day = day.len() <= 2 && (1..=31).contains(&day.parse().unwrap_or(0));
    is_day && is_month(month) && is_digits(year) && [2, 4].contains(&year.len())
}

/// Whether a cell is the hash of a password, as programs for websites and directories export it: nobody could sign in
/// with what they know.
pub(super) fn is_hash(cell: &str) -> bool {
    const BEGINNINGS: [&str; 14] = [
        "$P$", "$H$", "$S$", "$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$argon2", "$wp$",
        "pbkdf2", "scrypt:", "bcrypt",
    ];
    /// The shortest that has one of these beginnings.
    const SHORTEST: usize = 20;
    let cell = cell.trim();
    let is_labelled = cell.starts_with('{')
        && cell.split_once('}').is_some_and(|(scheme, hash)| {
            scheme.len() > 2 && hash.len() >= SHORTEST && !hash.contains(' ')
        });
    let begins = BEGINNINGS.iter().any(|start| cell.starts_with(start));
    let is_long = cell.len() >= SHORTEST && !cell.contains(' ');
    is_labelled || begins && is_long || is_hexadecimal(cell)
}

/// Whether it has the digits of MD5, SHA-1 or SHA-256.
fn is_hexadecimal(cell: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    [32, 40, 64].contains(&cell.len()) && cell.to_ascii_lowercase().bytes().all(is_digit)
}

/// Whether both cells stand in quotation marks that are none of the file's: they are no part of what stands in them.
#[must_use]
pub fn stand_in_marks(password: Option<&str>, username: &str) -> bool {
    const MARKS: [(char, char); 7] = [
        ('\'', '\''),
        ('"', '"'),
        ('`', '`'),
        ('‘', '’'),
        ('“', '”'),
        ('„', '“'),
        ('«', '»'),
    ];
    let stands = |cell: &str, (open, close): (char, char)| {
        let inner = cell.trim().strip_prefix(open);
        inner.is_some_and(|inner| inner.ends_with(close))
    };
    let password = password.unwrap_or_default();
    let mut marks = MARKS.into_iter();
    marks.any(|marks| stands(password, marks) && stands(username, marks))
}

/// The months in the fourteen languages in which headers are read.
const MONTHS: [&str; 14] = [
    "january february march april may june july august september october november december",
    "januar februar märz mrz april mai juni juli august september oktober november dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "januari februari maart mrt april mei juni juli augustus september oktober november december",
    "januari februari mars april maj juni juli augusti september oktober november december",
    "januar februar mars april mai juni juli august september oktober november desember",
    "januar februar marts april maj juni juli august september oktober november december",
    "tammi helmi maalis huhti touko kesä heinä elo syys loka marras joulu",
    "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "ledna února března dubna května června července srpna září října listopadu prosince",
    "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
];

/// Whether a word is a month, or what is written of it: its first three letters, or four. Finnish has `kuu` behind
/// each.
fn is_month(word: &str) -> bool {
    let word = word.to_lowercase();
    let word = word.trim_end_matches("ta").trim_end_matches("kuu");
    let is_short = (3..=4).contains(&word.chars().count());
    let mut months = MONTHS.iter().flat_map(|months| months.split(' '));
    months.any(|month| month == word || is_short && month.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_no_passwords() {
        for cell in [
            "$P$BDB6Hzx0Cz1uVbDkz0q1f8vYbSmkL0.",
            "$2y$10$e0MYzXyjpJS7Pd0RVvHwHeFUpHNbNPyTj1Q8ZZrYe",
            "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
            "pbkdf2_sha256$260000$abcdef$3kqRb0i7n2Y=",
            "5f4dcc3b5aa765d61d8327deb882cf99",
            "5F4DCC3B5AA765D61D8327DEB882CF99",
        ] {
            assert!(is_hash(cell), "{cell}");
        }
        for cell in [
            "",
            "purple fox 12",
            "$1$ and more words than that 5",
            "{curly} brackets are words too 7",
            "{a}1",
            "$2y$short1",
            "5f4dcc3b5aa765d61d8327deb882cf9",
            "deadbeef12345678",
        ] {
            assert!(!is_hash(cell), "{cell}");
        }
    }

    #[test]
    fn marks_around_password_and_name_are_none_of_theirs() {
        for (password, name) in [
            ("'purple fox 12'", "'Ada Lovelace'"),
            ("“purple fox 12”", " “Ada Lovelace” "),
            ("\"purple fox 12\"", "\"Ada Lovelace\""),
        ] {
            assert!(stand_in_marks(Some(password), name), "{password}");
        }
        for (password, name) in [
            ("'purple fox 12'", "Ada Lovelace"),
            ("purple 'fox' 12", "'Ada' Lovelace"),
            ("it's purple 12", "'Ada'"),
            ("\"purple fox 12\"", "'Ada'"),
        ] {
            assert!(!stand_in_marks(Some(password), name), "{password}");
        }
        assert!(!stand_in_marks(None, "'Ada'"));
    }

    #[test]
    fn numbers_with_exponents_are_recognised() {
        for cell in [
            "4.47112E+15",
            "4,47112E+15",
            "1e10",
            " 1.5E-07 ",
            "-2.E+3",
            "1234567e89",
            "1.234,5E+12",
        ] {
            assert!(is_number_like(cell), "{cell:?}");
        }
        for cell in [
            "",
            "e",
            "E+15",
            "12",
            "4.47112E+",
            "4E+1x",
            "seven e 7",
            "1e2e3",
            "0xE5",
            "..E1",
        ] {
            assert!(!is_number_like(cell), "{cell:?}");
        }
    }

    #[test]
    fn dates_with_months_are_recognised() {
        for cell in [
            "12-Sep-2026",
            "1-Jan-26",
            "12. September 2026",
            "3 août 2026",
            "12/okt/2026",
            "12-MAI-2026",
            "31-Mrz-26",
            "12-sept-2026",
            "12-syys-2026",
            "12. syyskuuta 2026",
            "12-wrz-2026",
            "05.ŞUBAT.2026",
            "September 12, 2026",
            "Sep-12-26",
            "2026-Sep-12",
        ] {
            assert!(is_date_like(cell), "{cell:?}");
        }
        for cell in [
            "",
            "12-09-2026",
            "12-Sep",
            "12-Fox-2026",
            "12 Sep7 2026",
            "seven-Sep-2026",
            "12-Sep-20267",
            "12-Sep-2026-x",
            "purple fox 1",
            "12-Octopus-2026",
            "12 marigold 2026",
            "7 Maybe 1999",
            "12 janitor 77",
            "99-Sep-2026",
            "0 May 2026",
            "12 magnets 34",
            "4 decimals 44",
            "1 novelist 23",
            "Sep-Oct-2026",
        ] {
            assert!(!is_date_like(cell), "{cell:?}");
        }
    }
}
