//! What a request costs at least: handlers without sign-in, rights, limits or logs, which run one
//! statement for what they answer.

use std::net::TcpListener;

use actix_web::{App, HttpServer, web};
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::{PgConnection, SqliteConnection};
use rollcall::domain::ids::{AccountId, GroupId};
use rollcall::domain::organization::{AccountType, JoinedVia, MembershipStatus, Role};
use rollcall::domain::timestamp::Timestamp;
use serde::Serialize;

/// Names the database of a bare server.
pub const DATABASE: &str = "ROLLCALL_BENCH_BARE_DATABASE";

/// As Rollcall's own.
const THREADS: usize = 2;
const DATABASE_CONNECTIONS: u32 = 8;

#[derive(Serialize)]
struct Member {
    account_id: AccountId,
    username: String,
    email: String,
    email_verified: bool,
    account_type: AccountType,
    role: Role,
    status: MembershipStatus,
    managed: bool,
    generated_address: bool,
    joined_via: JoinedVia,
    joined_at: Timestamp,
    registered_at: Timestamp,
    last_active_at: Timestamp,
    groups: Vec<Group>,
}

#[derive(Serialize)]
struct Group {
    id: GroupId,
    name: String,
}

#[derive(Serialize)]
struct Page {
    data: Vec<Member>,
    next_cursor: Option<AccountId>,
}

#[derive(Serialize)]
struct Me {
    id: AccountId,
    email: String,
    username: String,
    created_at: Timestamp,
}

/// Serves the database with this URL or path until the process ends.
pub fn serve(database: &str) {
    actix_web::rt::System::new().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let database = if database.starts_with("postgres") {
            Database::Postgres(pool::<PgConnection>(database))
        } else {
            Database::Sqlite(pool::<SqliteConnection>(database))
        };
        let app = move || {
            App::new().configure(|config| match &database {
                Database::Postgres(pool) => postgres::mount(config.app_data(pool.clone())),
                Database::Sqlite(pool) => sqlite::mount(config.app_data(pool.clone())),
            })
        };
        let server = HttpServer::new(app).workers(THREADS).listen(listener);
        eprintln!("listening on {address}");
        server.unwrap().run().await.unwrap();
    });
}

#[derive(Clone)]
enum Database {
    Postgres(web::Data<Pool<ConnectionManager<PgConnection>>>),
    Sqlite(web::Data<Pool<ConnectionManager<SqliteConnection>>>),
}

fn pool<C>(database: &str) -> web::Data<Pool<ConnectionManager<C>>>
where
    C: diesel::r2d2::R2D2Connection + 'static,
{
    let manager = ConnectionManager::new(database);
    let pool = Pool::builder()
        .max_size(DATABASE_CONNECTIONS)
        .test_on_check_out(false)
        .build(manager);
    web::Data::new(pool.unwrap())
}

macro_rules! handlers {
    ($module:ident, $connection:ty) => {
        mod $module {
            use std::collections::HashMap;

            use actix_web::{HttpResponse, get, web};
            use diesel::prelude::*;
            use diesel::r2d2::{ConnectionManager, Pool};
            use rollcall::domain::ids::{AccountId, GroupId, OrganizationId};
            use rollcall::domain::organization::{AccountType, JoinedVia, MembershipStatus, Role};
            use rollcall::domain::timestamp::Timestamp;
            use rollcall::store::schema::{accounts, group_memberships, groups, memberships};

            use super::{Group, Me, Member, Page};

            type Database = web::Data<Pool<ConnectionManager<$connection>>>;
            type Row = (
                (
                    AccountId,
                    String,
                    String,
                    Option<Timestamp>,
                    bool,
                    Timestamp,
                    Timestamp,
                ),
                (
                    AccountType,
                    Role,
                    MembershipStatus,
                    bool,
                    JoinedVia,
                    Timestamp,
                ),
            );

            pub fn mount(config: &mut web::ServiceConfig) {
                config.service(members).service(me);
            }

            #[get("/v1/organizations/{organization_id}/members")]
            async fn members(database: Database, path: web::Path<OrganizationId>) -> HttpResponse {
                let page =
                    web::block(move || page(&mut database.get().unwrap(), path.into_inner()));
                HttpResponse::Ok().json(page.await.unwrap())
            }

            fn page(connection: &mut $connection, organization: OrganizationId) -> Page {
                let rows: Vec<Row> = memberships::table
                    .inner_join(accounts::table)
                    .filter(memberships::organization_id.eq(organization))
                    .order((memberships::search_key, memberships::account_id))
                    .limit(50)
                    .select((
                        (
                            accounts::id,
                            accounts::username,
                            accounts::email,
                            accounts::email_verified_at,
                            accounts::generated_address,
                            accounts::created_at,
                            accounts::last_active_at,
                        ),
                        (
                            memberships::account_type,
                            memberships::role,
                            memberships::status,
                            memberships::managed,
                            memberships::joined_via,
                            memberships::joined_at,
                        ),
                    ))
                    .load(connection)
                    .unwrap();
                let ids: Vec<AccountId> = rows.iter().map(|row| row.0.0).collect();
                let theirs: Vec<(AccountId, GroupId, String)> = group_memberships::table
                    .inner_join(groups::table)
                    .filter(group_memberships::organization_id.eq(organization))
                    .filter(group_memberships::account_id.eq_any(ids))
                    .select((group_memberships::account_id, groups::id, groups::name))
                    .load(connection)
                    .unwrap();
                let mut by_account: HashMap<AccountId, Vec<Group>> = HashMap::new();
                for (account, id, name) in theirs {
                    by_account
                        .entry(account)
                        .or_default()
                        .push(Group { id, name });
                }
                let data = rows.into_iter().map(|(account, membership)| Member {
                    groups: by_account.remove(&account.0).unwrap_or_default(),
                    account_id: account.0,
                    username: account.1,
                    email: account.2,
                    email_verified: account.3.is_some(),
                    generated_address: account.4,
                    registered_at: account.5,
                    last_active_at: account.6,
                    account_type: membership.0,
                    role: membership.1,
                    status: membership.2,
                    managed: membership.3,
                    joined_via: membership.4,
                    joined_at: membership.5,
                });
                Page {
                    data: data.collect(),
                    next_cursor: None,
                }
            }

            #[get("/v1/me")]
            async fn me(database: Database) -> HttpResponse {
                let me = web::block(move || {
                    let row: (AccountId, String, String, Timestamp) = accounts::table
                        .filter(accounts::email.eq("ann@load.example"))
                        .select((
                            accounts::id,
                            accounts::email,
                            accounts::username,
                            accounts::created_at,
                        ))
                        .first(&mut database.get().unwrap())
                        .unwrap();
                    let (id, email, username, created_at) = row;
                    Me {
                        id,
                        email,
                        username,
                        created_at,
                    }
                });
                HttpResponse::Ok().json(me.await.unwrap())
            }
        }
    };
}

handlers!(sqlite, SqliteConnection);
handlers!(postgres, PgConnection);
