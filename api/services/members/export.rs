//! Members as a CSV file, streamed: it is never whole in memory.

use serde_json::Value;

use super::{Member, with_groups};
use crate::domain::events::{DomainEvent, OrganizationEvent};
use crate::domain::ids::OrganizationId;
use crate::domain::members::{MemberPosition, MemberSort};
use crate::domain::spreadsheet::{Cell, CsvWriter, Delimiter};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::services::authorization::{ListMembers, Permit};
use crate::services::events;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::member_list::{self, MemberFilter, MemberPage};

/// Members that are read and written together.
const CHUNK: u16 = 500;

/// What stands in the file's first line.
const COLUMNS: [&str; 14] = [
    "account_id",
    "username",
    "email",
    "email_verified",
    "account_type",
    "role",
    "status",
    "managed",
    "generated_address",
    "joined_via",
    "joined_at",
    "registered_at",
    "last_active_at",
    "groups",
];

/// A file of members being written, chunk by chunk.
pub struct Export {
    organization: OrganizationId,
    filter: MemberFilter,
    order: MemberSort,
    delimiter: Delimiter,
    next: Next,
}

enum Next {
    Header,
    After(Option<MemberPosition>),
    End,
}

/// Begins a file of the members that a list with this filter shows, and notes it in the audit log.
pub fn open(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ListMembers>,
    mut filter: MemberFilter,
    order: MemberSort,
) -> Result<Export> {
    let organization = permit.organization.id;
    filter.managed_by = permit.restricted_to_manager();
    let event = OrganizationEvent::MembersExported {
        filter: asked(&filter)?,
    };
    let event = DomainEvent::Organization {
        organization,
        event,
    };
    tx.transaction(|tx| events::publish(tx, event))?;
    Ok(Export {
        organization,
        filter,
        order,
        delimiter: Delimiter::Comma,
        next: Next::Header,
    })
}

/// What narrows the list.
fn asked(filter: &MemberFilter) -> Result<Value> {
    let mut asked = serde_json::to_value(filter).map_err(Error::internal)?;
    if let Value::Object(fields) = &mut asked {
        fields.retain(|_, value| !value.is_null());
    }
    Ok(asked)
}

impl Export {
    /// The same file, divided by another character.
    pub fn divided_by(mut self, delimiter: Option<Delimiter>) -> Self {
        self.delimiter = delimiter.unwrap_or(self.delimiter);
        self
    }

    /// The next piece of the file; `None` behind its end.
    pub fn next_chunk(&mut self, tx: &mut UnitOfWork<'_>) -> Result<Option<Vec<u8>>> {
        match std::mem::replace(&mut self.next, Next::End) {
            Next::Header => {
                self.next = Next::After(None);
                let mut writer =
                    CsvWriter::new(Vec::new(), self.delimiter).map_err(Error::internal)?;
                writer
                    .write_record(COLUMNS.map(Cell::Text))
                    .map_err(Error::internal)?;
                writer.finish().map(Some).map_err(Error::internal)
            }
            Next::After(after) => self.members_after(tx, after),
            Next::End => Ok(None),
        }
    }

    fn members_after(
        &mut self,
        tx: &mut UnitOfWork<'_>,
        after: Option<MemberPosition>,
    ) -> Result<Option<Vec<u8>>> {
        let page = MemberPage {
            order: self.order,
            after,
            limit: CHUNK.into(),
        };
        let rows = member_list::list(tx.connection, self.organization, &self.filter, &page)?;
        let Some(last) = rows.last() else {
            return Ok(None);
        };
        self.next = Next::After(Some(last.position(self.order.by)));
        let mut writer = CsvWriter::continuing(Vec::new(), self.delimiter);
        for member in with_groups(tx, self.organization, rows)? {
            let record = record(&member);
            writer
                .write_record(record.iter().map(|cell| Cell::Text(cell)))
                .map_err(Error::internal)?;
        }
        writer.finish().map(Some).map_err(Error::internal)
    }
}

fn record(member: &Member) -> [String; COLUMNS.len()] {
    let row = &member.row;
    let last_active = row.last_active_at.unless_never();
    let groups: Vec<_> = member
        .groups
        .iter()
        .map(|(_, name)| name.as_str())
        .collect();
    [
        row.account_id.to_string(),
        row.username.to_string(),
        row.email.to_string(),
        row.email_verified.to_string(),
        row.account_type.to_string(),
        row.role.to_string(),
        row.status.to_string(),
        row.managed.to_string(),
        row.generated_address.to_string(),
        row.joined_via.to_string(),
        row.joined_at.to_string(),
        row.registered_at.to_string(),
        last_active
            .as_ref()
            .map(Timestamp::to_string)
            .unwrap_or_default(),
        groups.join("; "),
    ]
}
