//! The database goes away under a running server, and comes back (PRODUCT 3.6, 7).

use std::time::Duration;

use reqwest::multipart::Part;
use rollcall::domain::imports::ImportStatus;
use rollcall::store::pool::DatabaseUrl;
use rollcall::worker;

use crate::support::App;
use crate::support::app::block_on;
use crate::support::books;
use crate::support::people::{send, text};
use crate::support::process::{Front, School};
use crate::support::sheet::Sheet;
use crate::support::wire::Wire;

/// An application whose database answers over a wire that can lose answers.
fn app_behind_a_wire() -> Option<(App, Wire)> {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut wire = None;
    let app = App::on_postgres_with(|config| {
        if let DatabaseUrl::Postgres(url) = &config.database_url {
            let to_it = Wire::to(url, seed);
            config.database_url = DatabaseUrl::Postgres(to_it.url());
            wire = Some(to_it);
        }
    })?;
    Some((app, wire?))
}

/// Works until nothing is left to do, as workers do whose database breaks off now and then.
async fn work(app: &App) {
    let state = app.state.clone();
    let work = move || {
        while let Err(error) = worker::drain(&state) {
            println!("{error}");
            state.clock.advance(state.config.import_lease + Duration::from_secs(1));
        }
    };
    tokio::task::spawn_blocking(work).await.expect("the worker panics");
}

async fn import(front: &Front, school: &School, sheet: &Sheet, fields: &[(&str, &str)]) -> String {
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let upload = school.upload(front, Part::text(sheet.csv()), &fields);
    text(&send(upload).await.expect_status(202)["id"])
}

/// The worker cannot know whether its batch was written. Writing it again would meet the accounts
/// that it has just made.
#[test]
fn commits_whose_answer_is_lost_are_neither_lost_nor_repeated() {
    let Some((app, wire)) = app_behind_a_wire() else {
        return;
    };
    block_on(async {
        let front = Front::at(app.address);
        let school = front.school("Hill Road School").await;
        let plain = Sheet::of("plain", 350).with_bad_rows(10);
        let made = Sheet::of("made", 250).without_passwords();
        let whole = Sheet::of("whole", 250);
        let taken = Sheet::of("taken", 5).ending_in(&["email_taken"]);
        let in_vain = taken.clone().and(Sheet::of("vain", 150).ending_in(&["refused"]));
        let orders = [
            (&in_vain, vec![("on_row_error", "refuse_all")], "failed"),
            (&plain, vec![], "completed"),
            (&made, vec![("generate_missing_passwords", "true")], "completed"),
            (&whole, vec![("on_row_error", "refuse_all")], "completed"),
        ];
        let mut imports = Vec::new();
        for (sheet, fields, status) in orders {
            let id = import(&front, &school, sheet, &fields).await;
            imports.push((id, sheet, status));
        }
        for line in &taken.lines {
            front.register(&line.email).await;
        }
        wire.lose_one_in(2);
        work(&app).await;
        wire.lose_one_in(0);
        assert!(wire.lost() >= 5, "only {} answers were lost", wire.lost());
        println!("{} answers were lost", wire.lost());
        let mut created = Vec::new();
        for (id, sheet, status) in &imports {
            let import = (id.as_str(), *sheet);
            created.extend(
                books::check_import(&front, &app.state.pool, &school, import, &[status]).await,
            );
        }
        books::check_school(&front, &app.state.pool, &school, created.len(), 0).await;
        books::check_passwords(&created);
    });
}

/// Whoever gets no answer looks at the list of imports: what is not there has left nothing behind.
#[test]
fn uploads_whose_answer_is_lost_are_whole_or_nothing() {
    let Some((app, wire)) = app_behind_a_wire() else {
        return;
    };
    block_on(async {
        let front = Front::at(app.address);
        let school = front.school("Hill Road School").await;
        wire.lose_one_in(3);
        let mut sheets = Vec::new();
        let mut accepted = 0;
        for number in 0..20 {
            let sheet = Sheet::of(&format!("upload{number}"), 3);
            let answer = send(school.upload(&front, Part::text(sheet.csv()), &[])).await;
            if answer.status == 202 {
                accepted += 1;
            } else {
                answer.expect_problem(503, "unavailable");
            }
            sheets.push(sheet);
        }
        wire.lose_one_in(0);
        let listed = school.get(&front, "/imports?limit=200").await.expect_status(200);
        let listed = listed["items"].as_array().expect("no items").clone();
        println!("{} lost, {accepted} answered, {} accepted", wire.lost(), listed.len());
        assert!(listed.len() >= accepted && wire.lost() > 0);
        let seats = school.get(&front, "/seats").await.expect_status(200);
        assert_eq!(seats["total"]["reserved"], 3 * listed.len(), "{seats:#}");
        work(&app).await;
        let mut created = 0;
        for import in &listed {
            let id = text(&import["id"]);
            let rows = school.get(&front, &format!("/imports/{id}/rows")).await;
            let email = text(&rows.expect_status(200)["items"][0]["email"]);
            let is_this = |sheet: &&Sheet| sheet.lines[0].email == email;
            let sheet = sheets.iter().find(is_this).expect("a sheet");
            let (pool, import) = (&app.state.pool, (id.as_str(), sheet));
            created += books::check_import(&front, pool, &school, import, &["completed"])
                .await
                .len();
        }
        books::check_school(&front, &app.state.pool, &school, created, 0).await;
        let staged = books::imports_that_are(&app.state.pool, &[ImportStatus::Staging]);
        assert_eq!(staged, 0);
    });
}
