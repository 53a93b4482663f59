//! Values without their secrets, for terminals and logs.

/// Replaces the passwords of a URL: the one behind the user's name, and those among the parameters,
/// where libpq accepts one too. The value need not be a valid URL: libpq accepts several hosts in one.
pub fn without_secrets(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else {
        return value.to_owned();
    };
    let shown = match rest.rsplit_once('@') {
        Some((credentials, place)) => match credentials.split_once(':') {
            Some((user, _)) => format!("{user}:…@{place}"),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    match shown.split_once('?') {
        Some((place, parameters)) => {
            let parameters: Vec<String> = parameters.split('&').map(without_value).collect();
            format!("{scheme}://{place}?{}", parameters.join("&"))
        }
        None => format!("{scheme}://{shown}"),
    }
}

fn without_value(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, _)) if name.contains("password") => format!("{name}=…"),
        _ => parameter.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (url, expected) in [
            (
                "postgres://u:hunter2@db.example/r",
                "postgres://u:…@db.example/r",
            ),
            (
                "postgres://u:hunter2@a:5432,b:5432/r",
                "postgres://u:…@a:5432,b:5432/r",
            ),
            (
                "postgres://u:hunt@er2?@db.example/r",
                "postgres://u:…@db.example/r",
            ),
            (
                "postgres://db.example/r?user=u&password=hunter2",
                "postgres://db.example/r?user=u&password=…",
            ),
            ("postgres://u@db.example/r", "postgres://u@db.example/r"),
        ] {
            assert_eq!(without_secrets(url), expected);
        }
    }
}
