//! Proven domains whose record is gone.

use super::*;

/// The subjects of the mails to the admin.
async fn subjects(app: &App, school: &Organization<'_>) -> Vec<String> {
    let mails = app.mails().await.into_iter();
    let theirs = mails.filter(|mail| mail.to == school.admin.email);
    let subjects = theirs.map(|mail| mail.subject);
    subjects.filter(|it| it.contains("hill")).collect()
}

both_databases!(a_domain_lapses_when_its_record_was_gone_for_a_week, |app| {
    let mut school = app.school().await;
    let domain = prove(&school, &name_in(app, "hill")).await;
    withdraw(&domain);
    a_day_later(app, &mut [&mut school]).await;
    let warned = now(&school, &domain).await;
    assert_eq!(warned["status"], "proven");
    assert_eq!(warned["missing_since"], "2026-09-02T07:30:00Z");
    let mails = subjects(app, &school).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].ends_with("is gone"), "{mails:?}");
    let mail = app.last_mail_to(&school.admin.email).await;
    assert!(mail.text.contains("9 September 2026"), "{}", mail.text);
    // Asked for in the week, it is still proven.
    let asked = check(&school, &domain).await.expect_status(200);
    assert_eq!(asked["missing_since"], warned["missing_since"]);
    for _ in 0..6 {
        a_day_later(app, &mut [&mut school]).await;
        assert_eq!(now(&school, &domain).await["status"], "proven");
    }
    assert_eq!(count_events(&school, "domain.lapsed").await, 0);
    a_day_later(app, &mut [&mut school]).await;
    assert_eq!(now(&school, &domain).await["status"], "lapsed");
    assert_eq!(count_events(&school, "domain.lapsed").await, 1);
    let mails = subjects(app, &school).await;
    assert_eq!(mails.len(), 2, "{mails:?}");
    assert!(mails[1].ends_with("has lapsed"), "{mails:?}");
    a_day_later(app, &mut [&mut school]).await;
    check(&school, &domain)
        .await
        .expect_problem(409, "domain_not_proven");
    assert_eq!(subjects(app, &school).await.len(), 2);

    publish(&domain);
    a_day_later(app, &mut [&mut school]).await;
    let back = now(&school, &domain).await;
    assert_eq!(back["status"], "proven");
    assert_eq!(back["missing_since"], Value::Null);
    assert_eq!(back["proven_at"], "2026-09-11T07:30:00Z");
});

both_databases!(a_record_that_comes_back_in_time_keeps_the_domain, |app| {
    let mut school = app.school().await;
    let domain = prove(&school, &name_in(app, "hill")).await;
    withdraw(&domain);
    for _ in 0..5 {
        a_day_later(app, &mut [&mut school]).await;
    }
    publish(&domain);
    a_day_later(app, &mut [&mut school]).await;
    let back = now(&school, &domain).await;
    assert_eq!(back["missing_since"], Value::Null);
    assert_eq!(back["proven_at"], domain["proven_at"]);
    // The week begins anew.
    withdraw(&domain);
    for _ in 0..7 {
        a_day_later(app, &mut [&mut school]).await;
        assert_eq!(now(&school, &domain).await["status"], "proven");
    }
    assert_eq!(subjects(app, &school).await.len(), 2);
});

both_databases!(name_servers_that_do_not_answer_make_nothing_lapse, |app| {
    let mut school = app.school().await;
    let domain = prove(&school, &name_in(app, "hill")).await;
    zone().break_name(&text(&domain["record"]["name"]));
    for _ in 0..9 {
        a_day_later(app, &mut [&mut school]).await;
    }
    assert_eq!(now(&school, &domain).await, domain);
    assert!(subjects(app, &school).await.is_empty());
});

both_databases!(a_removed_domain_is_not_looked_up_any_more, |app| {
    let mut school = app.school().await;
    let domain = prove(&school, &name_in(app, "hill")).await;
    let path = path_of(&school, &domain);
    school.admin.delete(&path).await.expect_status(204);
    withdraw(&domain);
    for _ in 0..9 {
        a_day_later(app, &mut [&mut school]).await;
    }
    assert!(subjects(app, &school).await.is_empty());
    // With its organization, too.
    prove(&school, &name_in(app, "hill")).await;
    school
        .admin
        .delete(&school.path(""))
        .await
        .expect_status(204);
    a_day_later(app, &mut []).await;
});

both_databases!(the_first_look_of_tomorrow_was_decided_today, |app| {
    let school = app.school().await;
    add(&school, &name_in(app, "hill")).await;
    let now = app.now();
    // What a clock decided that was ahead would be due at once.
    let mended = app.as_cli(|tx| rollcall::store::jobs::mend_schedules(tx.connection, now));
    assert_eq!(mended.unwrap(), 0);
});
