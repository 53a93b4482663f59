//! Organizations take turns, batch by batch: a short list never waits for a long one of others.

use std::time::Duration;

use rollcall::domain::ids::ImportId;
use rollcall::services::imports::execution::{self, BatchOutcome};
use rollcall::worker::{self, IMPORTS, Worker};
use serde_json::json;
use uuid::Uuid;

use super::{STUDENTS, assert_counts, file, id_of};
use crate::support::{App, both_databases};

/// Writes the next batch; tells of which import it was, and whether that has ended.
async fn write_next(app: &App) -> (ImportId, BatchOutcome) {
    let state = app.state.clone();
    let write = move || {
        let lease = Worker::new(&state, &IMPORTS).take().unwrap().unwrap();
        let step = execution::carry_out(&state.services, &lease, &|| false).unwrap();
        (Uuid::from(lease.job.subject).into(), step)
    };
    tokio::task::spawn_blocking(write).await.unwrap()
}

both_databases!(batches_alternate_between_organizations, |app| {
    let school = app.school().await;
    let other = app.organization("Valley School", "school").await;
    let one = id_of(&school.accepted(file(250), STUDENTS).await);
    let people = file(150).replace("pupil", "other");
    let two = id_of(&other.accepted(people, STUDENTS).await);
    assert_eq!(write_next(app).await, (one, BatchOutcome::Written));
    assert_eq!(write_next(app).await, (two, BatchOutcome::Written));
    assert_eq!(write_next(app).await, (one, BatchOutcome::Written));
    // Whoever comes later, and has had no turn of late, is next.
    let late = app.organization("Lake Side School", "school").await;
    let people = file(10).replace("pupil", "late");
    let three = id_of(&late.accepted(people, STUDENTS).await);
    assert_eq!(write_next(app).await, (three, BatchOutcome::Finished));
    assert_eq!(write_next(app).await, (two, BatchOutcome::Finished));
    assert_eq!(write_next(app).await, (one, BatchOutcome::Finished));
});

both_databases!(an_organization_has_one_turn_however_many_its_lists, |app| {
    let school = app.school().await;
    let other = app.organization("Valley School", "school").await;
    let mut imports = Vec::new();
    for prefix in ["a", "b", "c"] {
        let people = file(110).replace("pupil", prefix);
        imports.push(id_of(&school.accepted(people, STUDENTS).await));
    }
    let people = file(210).replace("pupil", "other");
    let elsewhere = id_of(&other.accepted(people, STUDENTS).await);
    let mut order = Vec::new();
    for _ in 0..6 {
        order.push(write_next(app).await.0);
    }
    let [first, second, _] = imports[..] else {
        unreachable!()
    };
    assert_eq!(
        order,
        [first, elsewhere, first, elsewhere, second, elsewhere]
    );
    app.drain().await;
    assert_eq!(school.students_seats().await, (330, 0));
    assert_eq!(other.students_seats().await, (210, 0));
});

both_databases!(numbers_of_names_are_in_order_whatever_is_first, |app| {
    let school = app.school().await;
    let import = school.accepted_names(&["Jane Doe"; 250]).await;
    let worker = Worker::new(&app.state, &IMPORTS);
    let mut leases: Vec<_> = (0..3).map(|_| worker.take().unwrap().unwrap()).collect();
    leases.reverse();
    let write = |lease| {
        let services = app.state.services.clone();
        let write = move || execution::carry_out(&services, &lease, &|| false).unwrap();
        tokio::task::spawn_blocking(write)
    };
    let mut leases = leases.into_iter();
    let mut progress = Vec::new();
    while let Some(lease) = leases.next() {
        let step = write(lease).await.unwrap();
        assert_eq!(step == BatchOutcome::Finished, leases.len() == 0);
        let counts = school.import_with(&import["id"]).await["counts"].clone();
        progress.push((counts["processed"].clone(), counts["created"].clone()));
    }
    let expected = [(50, 0), (150, 0), (250, 250)].map(|(a, b)| (json!(a), json!(b)));
    assert_eq!(progress, expected);
    assert_counts(
        &school.import_with(&import["id"]).await,
        json!({ "created": 250 }),
    );
    let addresses = school.addresses(&import).await;
    for (place, number) in [(1, 2), (100, 101), (200, 201), (249, 250)] {
        let address = format!("jane-doe-{number}@hill-road-school.login.invalid");
        assert_eq!(addresses[place], address);
    }
});

both_databases!(workers_look_less_often_for_what_others_take, |app| {
    let school = app.school().await;
    let mut worker = Worker::new(&app.state, &IMPORTS).only_for(school.id.parse().unwrap());
    let mut look = || worker.next(&|| false).unwrap();
    for pause in [50, 100, 200, 400, 400] {
        assert_eq!(look(), worker::Step::Wait(Duration::from_millis(pause)));
    }
    school.accepted(file(1), STUDENTS).await;
    assert_eq!(look(), worker::Step::Done);
    assert_eq!(look(), worker::Step::Wait(Duration::from_millis(50)));
});
