//! Settings together: what is read from where, and what a bad one is told.

use std::collections::BTreeSet;

use super::*;

fn with(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let environment: Vec<_> = settings.iter().map(owned).collect();
    Config::from_sources(Sources::new(environment, []))
}

#[test]
fn nothing_needs_to_be_set() {
    let config = with(&[]).unwrap();
    assert_eq!(config.listen, "127.0.0.1:8080");
    assert_eq!(
        config.database_url,
        DatabaseUrl::Sqlite("./data/rollcall.sqlite".into())
    );
    assert_eq!(config.organization_creation, OrganizationCreation::Anyone);
    assert_eq!(config.cors_origins, ["http://localhost:3000"]);
    assert_eq!(config.login_domain.to_string(), "login.invalid");
}

#[test]
fn on_postgresql_only_operators_create_organizations() {
    let config = with(&[("database_url", "postgres://db.example/rollcall")]).unwrap();
    assert_eq!(
        config.organization_creation,
        OrganizationCreation::Operators
    );
}

#[test]
fn a_bad_value_is_told_with_its_name_its_problem_and_an_example() {
    let error = with(&[("listen", "nowhere")]).unwrap_err().to_string();
    assert!(
        error.starts_with("ROLLCALL_LISTEN = \"nowhere\" is no address"),
        "{error}"
    );
    assert!(
        error.ends_with("an example: ROLLCALL_LISTEN=0.0.0.0:8080"),
        "{error}"
    );
    for (setting, bad) in [("log", "rollcall=loud"), ("log_format", "yaml")] {
        let error = with(&[(setting, bad)]).unwrap_err().to_string();
        let told = format!("ROLLCALL_{} = {bad:?} is no", setting.to_uppercase());
        assert!(error.starts_with(&told), "{error}");
    }
    let error = with(&[("database_url", "mysql://x")])
        .unwrap_err()
        .to_string();
    assert!(error.contains("neither sqlite: nor postgres://"), "{error}");
}

#[test]
fn no_more_batches_are_in_hand_than_threads_hash() {
    for (workers, shown) in [("9", 3), ("2", 2)] {
        let config = with(&[("hash_threads", "3"), ("import_workers", workers)]).unwrap();
        assert_eq!(config.import_workers, shown);
        let line = format!("import_workers = \"{shown}\"  # environment");
        assert!(config.to_string().contains(&line), "{config}");
    }
}

#[test]
fn limits_are_quotas_or_off() {
    let config = with(&[("limit_registration", "7/2h"), ("limit_code_client", "off")]).unwrap();
    let quota = config.limits.of(Limit::Registration).unwrap();
    assert_eq!((quota.uses, quota.seconds), (7, 7200));
    assert_eq!(config.limits.of(Limit::CodeClient), None);
    let untouched = Limit::SignInAccount;
    assert_eq!(config.limits.of(untouched), Some(untouched.default_quota()));
    let error = with(&[("limit_registration", "many")]).unwrap_err();
    assert!(
        error.to_string().starts_with("ROLLCALL_LIMIT_REGISTRATION"),
        "{error}"
    );
    assert_eq!(
        with(&[("limit_nothing", "1/1s")])
            .unwrap()
            .unknown_variables()
            .len(),
        1
    );
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let config = with(&[("lissten", "127.0.0.1:1")]).unwrap();
    let warnings: Vec<String> = config
        .unknown_variables()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        warnings,
        ["ROLLCALL_LISSTEN is no setting and is ignored, the nearest setting is ROLLCALL_LISTEN"]
    );
}

#[test]
fn every_setting_is_read() {
    let config = with(&[]).unwrap();
    let shown = config.to_string();
    let shown: BTreeSet<&str> = shown
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let mut names: BTreeSet<&str> = settings::all().map(|info| info.name).collect();
    names.remove(CONFIG_FILE.info.name);
    assert_eq!(shown, names);
}

#[test]
fn every_example_is_accepted() {
    for info in settings::all().filter(|info| info.name != CONFIG_FILE.info.name) {
        with(&[("mail_from", "a@school.example"), (info.name, info.example)]).unwrap();
    }
}

#[test]
fn the_environment_goes_before_the_file() {
    let file = BTreeMap::from([
        ("listen".to_owned(), "127.0.0.1:1111".to_owned()),
        ("hash_threads".to_owned(), "3".to_owned()),
    ]);
    let environment = HashMap::from([("listen".to_owned(), "127.0.0.1:2222".to_owned())]);
    let config = Config::from_sources(Sources::new(environment, file)).unwrap();
    assert_eq!(
        (config.listen.as_str(), config.hash_threads),
        ("127.0.0.1:2222", 3)
    );
    let shown = config.to_string();
    assert!(
        shown.contains("listen = \"127.0.0.1:2222\"  # environment"),
        "{shown}"
    );
    assert!(shown.contains("hash_threads = \"3\"  # file"), "{shown}");
}

#[test]
fn a_database_s_password_is_not_shown() {
    let url = "postgres://u:hunter2@db.example/r";
    let config = with(&[("database_url", url)]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
    let shown = config.to_string();
    assert!(shown.contains("\"postgres://u:…@db.example/r\""), "{shown}");
    for bad in ["postgre://u:hunter2@db.example/r", "u:hunter2@db.example"] {
        let refused = with(&[("database_url", bad)]).unwrap_err().to_string();
        assert!(
            refused.starts_with("ROLLCALL_DATABASE_URL begins with"),
            "{refused}"
        );
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}

#[test]
fn a_mail_server_needs_a_sender_and_its_password_is_not_shown() {
    let url = "smtp://me%40x.org:hunt%40er2@mail.example:587";
    let alone = with(&[("smtp_url", url)]).unwrap_err().to_string();
    assert!(alone.starts_with("ROLLCALL_MAIL_FROM"), "{alone}");
    let config = with(&[("smtp_url", url), ("mail_from", "a@school.example")]).unwrap();
    let shown = format!("{config}{config:?}");
    assert!(!shown.contains("hunt"), "{shown}");
    for bad in [
        "smtp://u:hunt#er2@mail.example",
        "smtp://u:hunt/er2@mail.example",
    ] {
        let refused = with(&[("smtp_url", bad)]).unwrap_err().to_string();
        assert!(!refused.contains("hunt"), "{refused}");
    }
}
