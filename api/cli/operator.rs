//! `rollcall operator create | revoke | list`.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Subcommand;

use super::error::CommandError;
use super::output::print;
use super::start::{open_existing, open_state};
use crate::crypto::password_hash::{self, HashMemory};
use crate::domain::email_address::EmailAddress;
use crate::domain::password::Password;
use crate::domain::username::Username;
use crate::services::context::RequestContext;
use crate::services::operators::{self, NewOperator};
use crate::state::State;

#[derive(Subcommand)]
pub enum OperatorCommand {
    /// Make an operator, whose password is asked for or read from standard input. An account that
    /// has the address already gets this password and is signed out everywhere.
    Create {
        /// The address to sign in with.
        #[arg(long, allow_hyphen_values = true)]
        email: String,
        /// What other people see; the address unless given.
        #[arg(long)]
        username: Option<String>,
    },
    /// Take the right away from an operator, who is signed out everywhere. The account stays.
    Revoke {
        /// The address of the operator.
        #[arg(long, allow_hyphen_values = true)]
        email: String,
    },
    /// Print the address and the name of every operator.
    List,
}

/// Runs the command.
///
/// # Errors
/// Where a value breaks a rule, or an address is no operator's.
pub fn run(command: OperatorCommand) -> Result<(), CommandError> {
    match command {
        OperatorCommand::Create { email, username } => {
            create(&email, username.as_deref(), &open_state()?)
        }
        OperatorCommand::Revoke { email } => revoke(&email, &open_existing()?),
        OperatorCommand::List => list(&open_existing()?),
    }
}

/// What an operator does first where mail leaves by SMTP.
const VERIFY_NEXT: &str = "\
    Unless the address is verified already, verify it next: until then the operator can invite nobody and gets no mail \
    about apps.\nSign in, ask for the link by POST /v1/auth/email/resend, and follow it.\n";

fn create(email: &str, username: Option<&str>, state: &State) -> Result<(), CommandError> {
    let email = state
        .services
        .config
        .login_domain
        .parse_outside(email)
        .map_err(|error| usage("--email", &error))?;
    let username = Username::parse(username.unwrap_or(email.as_str()))
        .map_err(|error| usage("--username", &error))?;
    let password = Password::parse(ask_password()?).map_err(|error| usage("password", &error))?;
    let password_hash = password_hash::hash(
        password.to_hash_input().as_bytes(),
        state.services.config.password_hash,
        &mut HashMemory::default(),
    )?;
    let new = NewOperator {
        email: email.clone(),
        username,
        password_hash,
    };
    let context = RequestContext::command_line(state.services.clock.now());
    let is_new = state
        .services
        .run(&context, |tx| operators::create(tx, new))?;
    let how = if is_new {
        ", with a new account."
    } else {
        ". Its account was there: it has the new password, and its sessions have ended."
    };
    let next = if state.services.config.mail_leaves() {
        VERIFY_NEXT
    } else {
        ""
    };
    print(&format!("{email} is an operator now{how}\n{next}"))
}

fn revoke(email: &str, state: &State) -> Result<(), CommandError> {
    let email = EmailAddress::parse(email).map_err(|error| usage("--email", &error))?;
    let context = RequestContext::command_line(state.services.clock.now());
    state
        .services
        .run(&context, |tx| operators::revoke(tx, email.clone()))?;
    print(&format!(
        "{email} is no operator any more, and the sessions have ended.\n"
    ))
}

fn list(state: &State) -> Result<(), CommandError> {
    let context = RequestContext::command_line(state.services.clock.now());
    let found = state.services.run(&context, operators::list)?;
    let lines = found
        .iter()
        .map(|operator| format!("{}\t{}\n", operator.email, operator.username));
    print(&lines.collect::<String>())
}

fn usage(what: &str, problem: &dyn std::fmt::Display) -> CommandError {
    CommandError::Usage(format!("{what}: {problem}"))
}

fn ask_password() -> Result<String, CommandError> {
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password("Password: ")
            .map_err(|error| CommandError::io("the terminal", error));
    }
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| CommandError::io("standard input", error))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
