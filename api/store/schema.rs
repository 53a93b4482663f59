//! The tables, as the migrations leave them; `tests/schema.rs` holds the two together.

use diesel::{allow_tables_to_appear_in_same_query, joinable, table};

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    accounts (id) {
        id -> Id,
        email -> Text,
        email_verified_at -> Nullable<Moment>,
        username -> Text,
        name_key -> Text,
        password_hash -> Nullable<Text>,
        must_change_password -> Bool,
        generated_address -> Bool,
        managed_by_organization_id -> Nullable<Id>,
        operator -> Bool,
        deactivated_at -> Nullable<Moment>,
        created_at -> Moment,
        last_active_at -> Moment,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    sessions (id) {
        id -> Id,
        account_id -> Id,
        user_agent -> Nullable<Text>,
        created_at -> Moment,
        last_used_at -> Moment,
        expires_at -> Moment,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    refresh_tokens (token_hash) {
        token_hash -> Binary,
        session_id -> Id,
        used_at -> Nullable<Moment>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    organizations (id) {
        id -> Id,
        name -> Text,
        kind -> Text,
        slug -> Text,
        default_account_type -> Text,
        active_admins -> BigInt,
        created_at -> Moment,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    memberships (organization_id, account_id) {
        organization_id -> Id,
        account_id -> Id,
        account_type -> Text,
        role -> Text,
        status -> Text,
        joined_via -> Text,
        joined_at -> Moment,
        name_key -> Text,
        registered_at -> Moment,
        last_active_at -> Moment,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    seats (organization_id, pool) {
        organization_id -> Id,
        pool -> Text,
        seat_limit -> Nullable<BigInt>,
        used -> BigInt,
        reserved -> BigInt,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    groups (id) {
        id -> Id,
        organization_id -> Id,
        name -> Text,
        name_key -> Text,
        description -> Nullable<Text>,
        created_at -> Moment,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    group_memberships (group_id, account_id) {
        group_id -> Id,
        organization_id -> Id,
        account_id -> Id,
        role -> Text,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    audit_events (id) {
        id -> Id,
        organization_id -> Nullable<Id>,
        action -> Text,
        actor_kind -> Text,
        actor_account_id -> Nullable<Id>,
        actor_name -> Text,
        subject_type -> Text,
        subject -> Text,
        details -> Document,
        request -> Text,
        created_at -> Moment,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    imports (id) {
        id -> Id,
        organization_id -> Id,
        created_by_account_id -> Nullable<Id>,
        source -> Text,
        account_type -> Text,
        status -> Text,
        on_row_error -> Text,
        on_seat_shortage -> Text,
        generate_missing_passwords -> Bool,
        must_change_password -> Bool,
        detected -> Document,
        header -> Document,
        rows_total -> BigInt,
        rows_prepared -> BigInt,
        seats_reserved -> BigInt,
        failure -> Nullable<Text>,
        leased_by -> Nullable<Id>,
        leased_until -> Moment,
        created_at -> Moment,
        started_at -> Nullable<Moment>,
        finished_at -> Nullable<Moment>,
        results_expire_at -> Nullable<Moment>,
        results_discarded_at -> Nullable<Moment>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    import_groups (import_id, group_id) {
        import_id -> Id,
        group_id -> Id,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    import_rows (import_id, row_number) {
        import_id -> Id,
        row_number -> BigInt,
        email -> Text,
        username -> Text,
        outcome -> Nullable<Text>,
        error -> Nullable<Text>,
        account_id -> Nullable<Id>,
        password_hash -> Nullable<Text>,
        sealed -> Nullable<Binary>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    import_outcomes (import_id, outcome) {
        import_id -> Id,
        outcome -> Text,
        row_count -> BigInt,
    }
}

joinable!(sessions -> accounts (account_id));
joinable!(refresh_tokens -> sessions (session_id));
joinable!(memberships -> accounts (account_id));
joinable!(memberships -> organizations (organization_id));
joinable!(group_memberships -> groups (group_id));
joinable!(import_groups -> imports (import_id));
joinable!(import_groups -> groups (group_id));
joinable!(import_rows -> imports (import_id));

allow_tables_to_appear_in_same_query!(
    accounts,
    audit_events,
    group_memberships,
    groups,
    import_groups,
    import_outcomes,
    import_rows,
    imports,
    memberships,
    organizations,
    refresh_tokens,
    seats,
    sessions,
);
