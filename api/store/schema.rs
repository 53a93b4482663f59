//! The tables, as the migrations leave them; `tests/api/schema.rs` holds the two together.

use diesel::{allow_tables_to_appear_in_same_query, joinable, table};

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    accounts (id) {
        id -> Id,
        email -> Text,
        subaddress_of -> Nullable<Text>,
        email_verified_at -> Nullable<UtcTimestamp>,
        username -> Text,
        search_key -> Text,
        password_hash -> Nullable<Text>,
        must_change_password -> Bool,
        password_origin -> Text,
        password_used_at -> Nullable<UtcTimestamp>,
        generated_address -> Bool,
        managed_by_organization_id -> Nullable<Id>,
        operator -> Bool,
        self_registered -> Bool,
        deactivated_at -> Nullable<UtcTimestamp>,
        created_at -> UtcTimestamp,
        last_active_at -> UtcTimestamp,
        language -> Text,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    sessions (id) {
        id -> Id,
        account_id -> Id,
        user_agent -> Nullable<Text>,
        created_at -> UtcTimestamp,
        last_used_at -> UtcTimestamp,
        expires_at -> UtcTimestamp,
        by_connection -> Bool,
        confined_to_organization_id -> Nullable<Id>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    refresh_tokens (token_hash) {
        token_hash -> Binary,
        session_id -> Id,
        used_at -> Nullable<UtcTimestamp>,
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
        sso_required -> Bool,
        created_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    memberships (organization_id, account_id) {
        number -> BigInt,
        organization_id -> Id,
        account_id -> Id,
        account_type -> Text,
        role -> Text,
        status -> Text,
        joined_via -> Text,
        joined_at -> UtcTimestamp,
        search_key -> Text,
        managed -> Bool,
        email_verified -> Bool,
        registered_at -> UtcTimestamp,
        last_active_at -> UtcTimestamp,
        word_marks -> BigInt,
        traits -> BigInt,
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
        search_key -> Text,
        description -> Nullable<Text>,
        created_at -> UtcTimestamp,
        marks -> BigInt,
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
        source -> Nullable<Id>,
        number -> BigInt,
        search_key -> Text,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    grants (organization_id, group_id, resource_type, resource) {
        organization_id -> Id,
        group_id -> Id,
        resource_type -> Text,
        resource -> Text,
        expires_at -> Nullable<UtcTimestamp>,
        created_at -> UtcTimestamp,
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
        actor_api_key -> Nullable<Id>,
        actor_name -> Text,
        subject_type -> Text,
        subject -> Text,
        details -> Document,
        request -> Nullable<Text>,
        created_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    imports (id) {
        id -> Id,
        organization_id -> Id,
        created_by_kind -> Text,
        created_by_account_id -> Nullable<Id>,
        created_by_api_key -> Nullable<Id>,
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
        staged_until -> UtcTimestamp,
        created_at -> UtcTimestamp,
        started_at -> Nullable<UtcTimestamp>,
        finished_at -> Nullable<UtcTimestamp>,
        results_expire_at -> Nullable<UtcTimestamp>,
        results_discarded_at -> Nullable<UtcTimestamp>,
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
        email -> Nullable<Text>,
        username -> Nullable<Text>,
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

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    mails (id) {
        id -> Id,
        organization_id -> Nullable<Id>,
        account_id -> Id,
        kind -> Text,
        cause -> Text,
        recipient -> Text,
        language -> Text,
        sealed -> Nullable<Binary>,
        status -> Text,
        attempts -> BigInt,
        last_error -> Nullable<Text>,
        handed_over_at -> Nullable<UtcTimestamp>,
        created_at -> UtcTimestamp,
        sent_at -> Nullable<UtcTimestamp>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    invite_codes (id) {
        id -> Id,
        organization_id -> Id,
        group_id -> Nullable<Id>,
        code -> Text,
        issued_at -> UtcTimestamp,
        paused -> Bool,
        expires_at -> Nullable<UtcTimestamp>,
        max_uses -> Nullable<BigInt>,
        uses -> BigInt,
        allowed_email_domains -> Document,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    invite_code_uses (id) {
        id -> Id,
        invite_code_id -> Id,
        account_id -> Id,
        code -> Text,
        outcome -> Text,
        used_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    pending_joins (account_id, invite_code_id) {
        account_id -> Id,
        invite_code_id -> Id,
        code -> Text,
        created_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    pending_groups (organization_id, account_id, group_id) {
        organization_id -> Id,
        account_id -> Id,
        group_id -> Id,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    removed_members (organization_id, email) {
        organization_id -> Id,
        email -> Text,
        removed_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    removed_subjects (organization_id, named_issuer, subject) {
        organization_id -> Id,
        named_issuer -> Binary,
        subject -> Text,
        removed_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    removed_group_members (group_id, email) {
        group_id -> Id,
        email -> Text,
        removed_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    invitations (id) {
        id -> Id,
        organization_id -> Id,
        account_id -> Nullable<Id>,
        invited_by_account_id -> Nullable<Id>,
        email -> Text,
        search_key -> Text,
        kind -> Text,
        account_type -> Text,
        language -> Text,
        note -> Nullable<Text>,
        status -> Text,
        valid_days -> BigInt,
        expires_at -> UtcTimestamp,
        links -> BigInt,
        mail_id -> Nullable<Id>,
        created_at -> UtcTimestamp,
        ended_at -> Nullable<UtcTimestamp>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    invitation_groups (invitation_id, group_id) {
        invitation_id -> Id,
        group_id -> Id,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    mailed_tokens (token_hash) {
        token_hash -> Binary,
        kind -> Text,
        account_id -> Id,
        invitation_id -> Nullable<Id>,
        created_at -> UtcTimestamp,
        expires_at -> UtcTimestamp,
        used_at -> Nullable<UtcTimestamp>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    rate_limits (key_hash) {
        key_hash -> Binary,
        full_at -> BigInt,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    known_networks (account_id, network) {
        account_id -> Id,
        network -> Binary,
        last_used_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    idempotency_keys (key_hash) {
        key_hash -> Binary,
        fingerprint -> Binary,
        sealed -> Binary,
        expires_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    generated_addresses (email) {
        email -> Text,
        base -> Text,
        domain -> Text,
        number -> BigInt,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    api_keys (id) {
        id -> Id,
        organization_id -> Id,
        created_by_account_id -> Id,
        name -> Text,
        key_hash -> Binary,
        hint -> Text,
        scopes -> Document,
        expires_at -> Nullable<UtcTimestamp>,
        created_at -> UtcTimestamp,
        last_used_at -> Nullable<UtcTimestamp>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    jobs (id) {
        id -> Id,
        kind -> Text,
        priority -> Text,
        tenant -> Id,
        subject -> Id,
        part -> BigInt,
        due_at -> UtcTimestamp,
        scheduled_at -> UtcTimestamp,
        attempts -> BigInt,
        failures -> BigInt,
        leased_by -> Nullable<Id>,
        leased_until -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    job_turns (kind, priority, tenant) {
        kind -> Text,
        priority -> Text,
        tenant -> Id,
        turn -> BigInt,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    apps (id) {
        id -> Id,
        name -> Text,
        preset -> Text,
        client -> Text,
        client_authentication -> Text,
        sealed -> Nullable<Binary>,
        secret_expires_at -> Nullable<UtcTimestamp>,
        created_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    connections (id) {
        id -> Id,
        organization_id -> Id,
        name -> Text,
        kind -> Text,
        preset -> Text,
        status -> Text,
        settings -> Document,
        subject_issuer -> Nullable<Binary>,
        app_id -> Nullable<Id>,
        sealed -> Nullable<Binary>,
        secret_expires_at -> Nullable<UtcTimestamp>,
        arrivals -> Text,
        session_hours -> BigInt,
        rules -> Document,
        apply -> Text,
        tested_at -> Nullable<UtcTimestamp>,
        metadata_missing_since -> Nullable<UtcTimestamp>,
        metadata_problem -> Nullable<Text>,
        clock_off_since -> Nullable<UtcTimestamp>,
        clock_off_seconds -> Nullable<BigInt>,
        silent_since -> Nullable<UtcTimestamp>,
        issuer_named_by_link -> Bool,
        created_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    fetched_documents (url_hash) {
        url_hash -> Binary,
        body -> Nullable<Text>,
        fetched_at -> UtcTimestamp,
        good_until -> UtcTimestamp,
        tried_at -> UtcTimestamp,
        failure -> Nullable<Document>,
        asked_for_key_at -> Nullable<UtcTimestamp>,
        is_key_awaited -> Bool,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    identities (id) {
        id -> Id,
        organization_id -> Id,
        connection_id -> Id,
        account_id -> Id,
        subject_issuer -> Binary,
        named_issuer -> Binary,
        subject -> Text,
        workspace -> Nullable<Text>,
        last_used_at -> UtcTimestamp,
        created_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    identity_claims (identity_id) {
        identity_id -> Id,
        organization_id -> Id,
        connection_id -> Id,
        sealed -> Binary,
        seen_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    setup_links (id) {
        id -> Id,
        token_hash -> Binary,
        organization_id -> Id,
        connection_id -> Id,
        created_by_account_id -> Id,
        name -> Text,
        email -> Nullable<Text>,
        created_at -> UtcTimestamp,
        expires_at -> UtcTimestamp,
        used_at -> Nullable<UtcTimestamp>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    emergency_admins (organization_id, account_id) {
        organization_id -> Id,
        account_id -> Id,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    session_proofs (session_id, connection_id) {
        session_id -> Id,
        connection_id -> Id,
        organization_id -> Id,
        proved_at -> UtcTimestamp,
        valid_until -> UtcTimestamp,
        provider_session -> Nullable<Text>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    flows (state_hash) {
        state_hash -> Binary,
        connection_id -> Id,
        purpose -> Text,
        session_id -> Nullable<Id>,
        sealed -> Binary,
        expires_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    tickets (ticket_hash) {
        ticket_hash -> Binary,
        connection_id -> Id,
        purpose -> Text,
        session_id -> Nullable<Id>,
        challenge -> Text,
        sealed -> Binary,
        expires_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    pending_links (token_hash) {
        token_hash -> Binary,
        connection_id -> Id,
        account_id -> Id,
        sealed -> Binary,
        code_hash -> Nullable<Binary>,
        code_expires_at -> Nullable<UtcTimestamp>,
        tries -> BigInt,
        expires_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    diagnoses (id) {
        id -> Id,
        organization_id -> Id,
        connection_id -> Id,
        reference -> Text,
        purpose -> Text,
        status -> Text,
        code -> Nullable<Text>,
        steps -> Document,
        claim_names -> Document,
        sealed -> Nullable<Binary>,
        would -> Nullable<Document>,
        account_id -> Nullable<Id>,
        made_by_account_id -> Nullable<Id>,
        at -> UtcTimestamp,
        expires_at -> UtcTimestamp,
        made_by_setup_link_id -> Nullable<Id>,
    }
}

table! {
    copied_tables (name) {
        name -> Text,
        row_count -> BigInt,
        last_key -> Nullable<Text>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    copied_away (copied_at) {
        copied_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    domains (id) {
        id -> Id,
        organization_id -> Id,
        domain -> Text,
        challenge -> Text,
        status -> Text,
        joining -> Text,
        vouched -> Bool,
        checked_at -> Nullable<UtcTimestamp>,
        missing_since -> Nullable<UtcTimestamp>,
        proven_at -> Nullable<UtcTimestamp>,
        counts_only_at -> Nullable<Id>,
        created_at -> UtcTimestamp,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::sql_types::*;

    join_requests (id) {
        id -> Id,
        organization_id -> Id,
        account_id -> Id,
        note -> Nullable<Text>,
        status -> Text,
        told -> Bool,
        created_at -> UtcTimestamp,
        decided_at -> Nullable<UtcTimestamp>,
        decided_by_account_id -> Nullable<Id>,
    }
}

joinable!(sessions -> accounts (account_id));
joinable!(api_keys -> accounts (created_by_account_id));
joinable!(refresh_tokens -> sessions (session_id));
joinable!(memberships -> accounts (account_id));
joinable!(memberships -> organizations (organization_id));
joinable!(group_memberships -> groups (group_id));
joinable!(import_groups -> imports (import_id));
joinable!(import_groups -> groups (group_id));
joinable!(import_rows -> imports (import_id));
joinable!(mails -> accounts (account_id));
joinable!(invite_codes -> organizations (organization_id));
joinable!(invite_codes -> groups (group_id));
joinable!(invite_code_uses -> invite_codes (invite_code_id));
joinable!(invite_code_uses -> accounts (account_id));
joinable!(pending_joins -> invite_codes (invite_code_id));
joinable!(invitations -> organizations (organization_id));
joinable!(invitations -> mails (mail_id));
joinable!(invitation_groups -> invitations (invitation_id));
joinable!(invitation_groups -> groups (group_id));
joinable!(domains -> organizations (organization_id));
joinable!(join_requests -> accounts (account_id));
joinable!(join_requests -> organizations (organization_id));
joinable!(mailed_tokens -> accounts (account_id));
joinable!(emergency_admins -> accounts (account_id));
joinable!(emergency_admins -> organizations (organization_id));
joinable!(flows -> connections (connection_id));
joinable!(identities -> accounts (account_id));
joinable!(identities -> connections (connection_id));
joinable!(identities -> organizations (organization_id));
joinable!(diagnoses -> connections (connection_id));
joinable!(identity_claims -> identities (identity_id));
joinable!(pending_links -> connections (connection_id));
joinable!(setup_links -> accounts (created_by_account_id));
joinable!(tickets -> connections (connection_id));

allow_tables_to_appear_in_same_query!(
    accounts,
    api_keys,
    apps,
    audit_events,
    connections,
    diagnoses,
    domains,
    emergency_admins,
    fetched_documents,
    flows,
    generated_addresses,
    grants,
    group_memberships,
    groups,
    idempotency_keys,
    identities,
    identity_claims,
    import_groups,
    import_outcomes,
    import_rows,
    imports,
    invitation_groups,
    invitations,
    invite_code_uses,
    invite_codes,
    job_turns,
    jobs,
    join_requests,
    mailed_tokens,
    mails,
    memberships,
    organizations,
    pending_groups,
    pending_joins,
    pending_links,
    rate_limits,
    refresh_tokens,
    removed_group_members,
    removed_members,
    removed_subjects,
    seats,
    session_proofs,
    sessions,
    setup_links,
    tickets,
);
