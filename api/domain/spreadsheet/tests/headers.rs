//! The header: names, synonyms, templates.

use super::{
    ReadError, RefusalKind, Requirements, Spreadsheet, assert_refused, open, person, refused, rows,
};

/// The names of the columns for the address, the password and the name that a header gives.
fn columns(header: &str) -> (String, Option<String>, Vec<String>) {
    let detected = open(header.as_bytes()).unwrap().detected();
    let columns = detected.columns;
    (columns.email, columns.password, columns.username)
}

fn found(
    email: &str,
    password: Option<&str>,
    name: &[&str],
) -> (String, Option<String>, Vec<String>) {
    let name = name.iter().map(|name| (*name).to_owned()).collect();
    (email.to_owned(), password.map(str::to_owned), name)
}

#[test]
fn columns_are_found_under_their_usual_names() {
    for header in [
        "email,password,username",
        "EMAIL,PASSWORD,USERNAME",
        "E-mail,Password,Name",
        "e_mail;pass-word;user.name",
        " E-Mail Address *;Password *;Full Name *",
        "Email Address [Required],Password [Required],Display name [Required]",
        "\u{feff}Email,Passwd,Student Name",
        "ＥＭＡＩＬ,ＰＡＳＳＷＯＲＤ,ＮＡＭＥ",
        "E-Mail-Adresse;Passwort;Benutzername",
        "E-Mail;Kennwort;Name",
        "Sähköpostiosoite;Salasana;Käyttäjänimi",
        "sahkoposti;salasana;koko nimi",
        "E-postadress;Lösenord;Användarnamn",
        "e-post;losenord;namn",
        "Correo electrónico;Contraseña;Nombre completo",
        "correo;clave;nombre",
        "Adresse e-mail;Mot de passe;Nom d'utilisateur",
        "Courriel;Mot de passe;Nom complet",
        "\"E-mail\nAddress\",Password,\"Full\nName\"",
    ] {
        let delimiter = if header.contains(';') { ';' } else { ',' };
        let names: Vec<_> = header
            .trim_start_matches('\u{feff}')
            .split(delimiter)
            .collect();
        let names: Vec<_> = names
            .iter()
            .map(|name| name.trim().trim_matches('"'))
            .collect();
        let expected = found(names[0], Some(names[1]), &names[2..]);
        assert_eq!(columns(header), expected, "{header}");
    }
}

#[test]
fn columns_may_come_in_any_order_among_others() {
    let file = "No.,Name,Class,E-mail,,Password\n1,Ada Lovelace,7B,ada@x.org,,pw,\n";
    let row = &rows(file)[0];
    assert_eq!(person(row), ("ada@x.org", Some("pw"), "Ada Lovelace"));
    assert_eq!(
        row.cells,
        ["1", "Ada Lovelace", "7B", "ada@x.org", "", "pw", ""]
    );
    let spreadsheet = open(file.as_bytes()).unwrap();
    assert_eq!(
        spreadsheet.header(),
        ["No.", "Name", "Class", "E-mail", "", "Password"]
    );
    assert_eq!(spreadsheet.detected().columns.ignored, ["No.", "Class"]);
    assert_eq!(spreadsheet.password_column(), Some(5));
}

#[test]
fn the_more_specific_name_wins() {
    for (header, expected) in [
        ("Parent email,Email,Name", found("Email", None, &["Name"])),
        ("Email Address,Email,Name", found("Email", None, &["Name"])),
        (
            "Work email,Email address,Name",
            found("Email address", None, &["Name"]),
        ),
        (
            "mail,userPrincipalName,displayName",
            found("mail", None, &["displayName"]),
        ),
        ("Email,Name,Username", found("Email", None, &["Name"])),
        ("Email,Name,Full name", found("Email", None, &["Full name"])),
        (
            "Email,Username,Display name",
            found("Email", None, &["Display name"]),
        ),
        (
            "Email,Initial password,Password,Name",
            found("Email", Some("Password"), &["Name"]),
        ),
    ] {
        assert_eq!(columns(header), expected, "{header}");
    }
}

#[test]
fn halves_of_a_name_make_the_whole() {
    for (header, halves) in [
        ("Email,First Name,Last Name", ["First Name", "Last Name"]),
        ("Surname,Given name,Email", ["Given name", "Surname"]),
        (
            "Email,First Name [Required],Last Name [Required]",
            ["First Name [Required]", "Last Name [Required]"],
        ),
        ("Nachname;Vorname;E-Mail", ["Vorname", "Nachname"]),
        ("Name;Vorname;E-Mail", ["Vorname", "Name"]),
        ("Sukunimi;Etunimi;Sähköposti", ["Etunimi", "Sukunimi"]),
        ("Förnamn;Efternamn;E-post", ["Förnamn", "Efternamn"]),
        (
            "Nombre;Apellidos;Correo electrónico",
            ["Nombre", "Apellidos"],
        ),
        ("Nom;Prénom;Courriel", ["Prénom", "Nom"]),
        ("Cognome;Nome;E-mail", ["Nome", "Cognome"]),
        (
            "Voornaam;Achternaam;E-mailadres",
            ["Voornaam", "Achternaam"],
        ),
        ("Nome;Apelido;Endereço de e-mail", ["Nome", "Apelido"]),
        ("Imię;Nazwisko;Adres e-mail", ["Imię", "Nazwisko"]),
        ("Fornavn;Efternavn;E-mailadresse", ["Fornavn", "Efternavn"]),
        ("Fornavn;Etternavn;E-postadresse", ["Fornavn", "Etternavn"]),
        ("Jméno;Příjmení;E-mailová adresa", ["Jméno", "Příjmení"]),
        ("Adı;Soyadı;E-posta adresi", ["Adı", "Soyadı"]),
        (
            "Email,givenName,familyName,username",
            ["givenName", "familyName"],
        ),
        (
            "Student_email,First_name,Middle_name,Last_name",
            ["First_name", "Last_name"],
        ),
        // A name for daily use, or a column of both names, stands aside.
        ("Nachname;Vorname;Rufname;E-Mail", ["Vorname", "Nachname"]),
        (
            "Familienname;Rufname;Vornamen;E-Mail",
            ["Rufname", "Familienname"],
        ),
        (
            "Sukunimi;Etunimet;Kutsumanimi;Sähköposti",
            ["Kutsumanimi", "Sukunimi"],
        ),
        (
            "Name, Vorname;Nachname;Vorname;E-Mail",
            ["Vorname", "Nachname"],
        ),
        (
            "Legal Surname,Legal Forename,Preferred Surname,Preferred Forename,Email",
            ["Preferred Forename", "Preferred Surname"],
        ),
        (
            "Name;longName;foreName;address.email",
            ["foreName", "longName"],
        ),
        ("Priezvisko;Meno;E-mail", ["Meno", "Priezvisko"]),
        ("Eesnimi;Perekonnanimi;E-post", ["Eesnimi", "Perekonnanimi"]),
    ] {
        assert_eq!(columns(header).2, halves, "{header}");
    }
    let halves = columns("First name,Last name,Name,Email");
    assert_eq!(halves.2, ["First name", "Last name"]);
}

#[test]
fn one_column_may_hold_both_halves() {
    for (header, name) in [
        ("Vorname Nachname;E-Mail", "Vorname Nachname"),
        ("Name, Vorname;Benutzername;E-Mail", "Name, Vorname"),
        (
            "Nachname, Vorname;Vorname Nachname;E-Mail",
            "Vorname Nachname",
        ),
        ("Nachname, Vorname;Vorname;E-Mail", "Nachname, Vorname"),
        ("Name;Name, Vorname;E-Mail", "Name, Vorname"),
        ("Nachname, Vorname;Anzeigename;E-Mail", "Anzeigename"),
        ("prénom et nom;Courriel", "prénom et nom"),
    ] {
        assert_eq!(columns(header).2, [name], "{header}");
    }
}

#[test]
fn what_stands_between_the_halves_is_part_of_the_name() {
    let file = "Roepnaam;Tussenvoegsel;Achternaam;E-mail\n\
                Mira;van;Dijk;a@x.org\nBo;;Vos;b@x.org\n";
    let names: Vec<_> = rows(file).into_iter().map(|row| row.username).collect();
    assert_eq!(names, ["Mira van Dijk", "Bo Vos"]);
    for infix in ["Tussenv.", "Namenszusatz", "Vorsatzwort"] {
        let file =
            format!("First names,{infix},Surname(s),Email,Password\nMira,van der,Dijk,a@x.org\n");
        assert_eq!(rows(file)[0].username, "Mira van der Dijk", "{infix}");
    }
}

#[test]
fn a_masked_password_is_none() {
    let row = &rows("email,password,name\na@x.org,****,Ada\n")[0];
    assert_eq!(person(row), ("a@x.org", None, "Ada"));
}

#[test]
fn a_hash_of_a_password_is_none() {
    let row = &rows("user_email,user_pass,name\na@x.org,$P$BDB6Hzx0Cz1uVbDkz0q1f8vYb,Ada\n")[0];
    assert_eq!(person(row), ("a@x.org", None, "Ada"));
}

#[test]
fn columns_of_a_teacher_are_no_pupils() {
    for (header, email, name) in [
        (
            "Class,Student,Student Email,Teacher Name,Password",
            "Student Email",
            "Student",
        ),
        (
            "Student Email,Student,Teacher First Name,Teacher Last Name,Password",
            "Student Email",
            "Student",
        ),
        (
            "Class,Student,Email,Teacher Name,Password",
            "Email",
            "Student",
        ),
        (
            "Schüler,Lehrer,E-Mail des Schülers,Passwort",
            "E-Mail des Schülers",
            "Schüler",
        ),
        (
            "Teacher,Teacher Email,Student Name,Password",
            "Teacher Email",
            "Teacher",
        ),
    ] {
        let expected = found(email, Some(header.rsplit(',').next().unwrap()), &[name]);
        assert_eq!(columns(header), expected, "{header}");
    }
    let lacking = "Student Email,Password,Class,Teacher\na@x.org,blue kettle 44,7A,Mr Smith\n";
    assert_refused(lacking, RefusalKind::NoHeader, &["Line 1", "username"]);
}

#[test]
fn nobody_gets_the_address_of_a_teacher() {
    let detected = |header: &str| open(header.as_bytes()).unwrap().detected().columns;
    for header in [
        "Name,Email,Password,Teacher Email",
        "Employee Name,Email,Password,Staff Email",
    ] {
        assert_eq!(detected(header).email_if_empty, None, "{header}");
    }
    for (header, second) in [
        (
            "Name,Email,Password,User Principal Name",
            "User Principal Name",
        ),
        ("Name,Email,Password,School Email", "School Email"),
        ("Name,Email,Password,Student Email", "Student Email"),
    ] {
        assert_eq!(
            detected(header).email_if_empty.as_deref(),
            Some(second),
            "{header}"
        );
    }
}

#[test]
fn cells_in_apostrophes_are_refused() {
    let file = "'email';'password';'username'\n'a@x.org';'blue kettle 4471';'Ada'\n";
    assert_refused(file, RefusalKind::NoHeader, &["line 1", "apostrophes"]);
}

#[test]
fn halves_are_joined_by_one_space() {
    let names: Vec<_> = rows(
        "email,first name,last name\n\
         a@x.org,Ada,Lovelace\n\
         b@x.org, Bo  ,\n\
         c@x.org,,Curie\n\
         d@x.org,  \n\
         e@x.org,'=Eva,'-Ek\n",
    )
    .into_iter()
    .map(|row| row.username)
    .collect();
    assert_eq!(names, ["Ada Lovelace", "Bo", "Curie", "", "=Eva -Ek"]);
}

#[test]
fn the_template_of_google_workspace_works() {
    let file = "First Name [Required],Last Name [Required],Email Address [Required],\
                Password [Required],Password Hash Function [UPLOAD ONLY],Org Unit Path [Required],\
                New Primary Email [UPLOAD ONLY],Status [READ ONLY],Last Sign In [READ ONLY],\
                Recovery Email,Home Secondary Email,Work Secondary Email,Employee ID,Manager Email,\
                Change Password at Next Sign-In,New Status [UPLOAD ONLY]\n\
                Ada,Lovelace,ada@example.org,correct horse,,/,,,,home@example.net,,,7,,TRUE,\n";
    let expected = ("ada@example.org", Some("correct horse"), "Ada Lovelace");
    assert_eq!(person(&rows(file)[0]), expected);
}

#[test]
fn the_templates_of_microsoft_365_work() {
    let import = "User Name,First Name,Last Name,Display Name,Job Title,Department,Office Number,\
                  Office Phone,Mobile Phone,Fax,Alternate email address,Address,City,\
                  State or Province,ZIP or Postal Code,Country or Region\n\
                  ada@example.org,Ada,Lovelace,Ada L.,,,,,,,home@example.net,,,,,\n";
    assert_eq!(
        person(&rows(import)[0]),
        ("ada@example.org", None, "Ada L.")
    );
    let entra = "version:v1.0\r\n\
                 Name [displayName] Required,User name [userPrincipalName] Required,\
                 Initial password [passwordProfile] Required,\
                 Block sign in (Yes/No) [accountEnabled] Required,First name [givenName],\
                 Last name [surname]\r\n\
                 Ada L.,ada@example.org,correct horse,No,Ada,Lovelace\r\n";
    let row = &rows(entra)[0];
    assert_eq!(
        person(row),
        ("ada@example.org", Some("correct horse"), "Ada L.")
    );
    assert_eq!(row.line, 3);
}

#[test]
fn the_exports_of_microsoft_365_work() {
    let admin = "Block credential,City,Display name,First name,Last name,Licenses,\
                 Proxy addresses,Strong password required,Title,User principal name\n\
                 False,,Ada L.,Ada,Lovelace,,SMTP:x@example.net,True,,ada@example.org\n";
    assert_eq!(person(&rows(admin)[0]), ("ada@example.org", None, "Ada L."));
    let entra = "userPrincipalName,displayName,surname,mail,givenName,id\n\
                 upn@example.org,Ada L.,Lovelace,ada@example.org,Ada,7\n";
    assert_eq!(person(&rows(entra)[0]), ("ada@example.org", None, "Ada L."));
}

#[test]
fn a_user_name_is_no_address_without_a_display_name() {
    for header in [
        "Username,First name,Last name\n",
        "User name,Full name\n",
        "username\n",
    ] {
        assert_refused(header, RefusalKind::NoHeader, &["no column for email"]);
    }
}

#[test]
fn equal_claims_are_refused_by_name() {
    let kind = RefusalKind::NoHeader;
    assert_refused(
        "email,E-Mail,name\n",
        kind,
        &["columns for email", "\"email\" and \"E-Mail\""],
    );
    assert_refused(
        "email,name,Name\n",
        kind,
        &["columns for name", "\"name\" and \"Name\""],
    );
    assert_refused(
        "email,username,user name,user-name\n",
        kind,
        &["\"username\", \"user name\" and \"user-name\""],
    );
    assert_refused(
        "email,name,password,Passwort\n",
        kind,
        &["columns for password"],
    );
    for header in [
        "Name,Student Email,Password,Teacher Email\n",
        "Teacher Email,Student Email,Password,Student Name\n",
    ] {
        assert_refused(header, kind, &["columns for email"]);
    }
    assert_eq!(
        columns("email,username,display name,name,Name").2,
        ["display name"]
    );
}

#[test]
fn missing_columns_are_named() {
    let kind = RefusalKind::NoHeader;
    let found = "of its columns, \"Name\" and \"Passwort\" can be used";
    assert_refused(
        "Mail adr;Name;Passwort\n",
        kind,
        &["Line 1", "no column for email;", found],
    );
    assert_refused("\n\nemail\n", kind, &["Line 3", "no column for username;"]);
    assert_refused(
        "Vorname;x\n",
        kind,
        &[
            "no column for email and username;",
            "email,password,username",
        ],
    );
}

#[test]
fn a_password_column_is_missing_only_where_it_is_required() {
    let file = b"email,name\na@x.org,Ada\n";
    assert_eq!(person(&rows(file)[0]), ("a@x.org", None, "Ada"));
    let requirements = Requirements {
        password_required: true,
        ..Requirements::default()
    };
    let refused = refused(&file[..], requirements);
    assert_eq!(refused.kind, RefusalKind::NoHeader);
    assert!(
        refused.detail.contains("no column for password;"),
        "{refused}"
    );
    let complete = b"email,name,password\na@x.org,Ada,\n";
    assert!(Spreadsheet::open(&complete[..], requirements).is_ok());
}

#[test]
fn no_cell_of_a_file_without_a_header_is_repeated() {
    for file in [
        "ada@example.org,hunter2,Ada Lovelace\n",
        "ada@example.org,hunter2,Ada Lovelace,password\n",
        "ada@example.org;hunter2;name\n",
        // A nickname that is a word for an address, and a name that is one for a name.
        "mel@x.org,hunter2 blue,Mel,password\nbo@x.org,green kettle 44,Bo,x\n",
        "ada@example.org,hunter2,password,Name,email\n",
    ] {
        let Err(ReadError::Refused(refused)) = open(file.as_bytes()) else {
            panic!("{file} is taken");
        };
        assert_eq!(refused.kind, RefusalKind::NoHeader);
        for secret in ["ada", "hunter2", "Lovelace"] {
            assert!(!refused.detail.contains(secret), "{refused}");
        }
    }
    assert_refused(
        "Class 7B\n",
        RefusalKind::NoHeader,
        &["Line 1", "email,password,username"],
    );
}
