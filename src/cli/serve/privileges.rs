//! From root to a user without privileges, once the sockets are bound.

use clap::Args;
use mio_echo::text::os_error;
use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User, getgroups, setgid, setgroups, setuid};
use std::io;

#[derive(Debug, Args)]
pub(super) struct PrivilegeArguments {
    /// Become this user (a name or a number) when all sockets are bound: a port below 1024 needs root, the
    /// server does not. All supplementary groups are given up. The file of a Unix socket stays behind at the
    /// end where this user may not remove it
    #[arg(long, value_name = "USER", help_heading = "Privileges")]
    user: Option<String>,

    /// Become a member of this group (a name or a number) [default: the primary group of --user]
    #[arg(
        long,
        value_name = "GROUP",
        requires = "user",
        help_heading = "Privileges"
    )]
    group: Option<String>,
}

/// The user and the group that the process is to become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unprivileged {
    user: Uid,
    group: Gid,
}

impl PrivilegeArguments {
    /// Looks the names up. `None` if nothing is asked for.
    ///
    /// # Errors
    ///
    /// There is no such user or group, or the user is a number without an entry in passwd(5) and `--group` is missing. The
    /// error is one line.
    pub(super) fn unprivileged(&self) -> Result<Option<Unprivileged>, String> {
        let Some(user) = &self.user else {
            return Ok(None);
        };
        let (id, primary_group) = user_of(user)?;
        let group = match &self.group {
            Some(group) => group_of(group)?,
            None => primary_group.ok_or(format!(
                "user {user} has no entry in passwd(5); give its --group"
            ))?,
        };
        Ok(Some(Unprivileged { user: id, group }))
    }
}

fn user_of(name: &str) -> Result<(Uid, Option<Gid>), String> {
    let found = match name.parse() {
        Ok(id) => User::from_uid(Uid::from_raw(id)),
        Err(_) => User::from_name(name),
    };
    match (found, name.parse()) {
        (Ok(Some(user)), _) => Ok((user.uid, Some(user.gid))),
        (Ok(None), Ok(id)) => Ok((Uid::from_raw(id), None)),
        (Ok(None), Err(_)) => Err(format!("there is no user {name}")),
        (Err(error), _) => Err(cannot("look up user", name, error)),
    }
}

fn group_of(name: &str) -> Result<Gid, String> {
    if let Ok(id) = name.parse() {
        return Ok(Gid::from_raw(id));
    }
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid),
        Ok(None) => Err(format!("there is no group {name}")),
        Err(error) => Err(cannot("look up group", name, error)),
    }
}

impl Unprivileged {
    /// Gives up all privileges, on all threads: groups first, because setgroups(2) and setgid(2) need the privileges that
    /// setuid(2) takes. Then verifies that nothing of them is left and that they cannot be had back.
    ///
    /// # Errors
    ///
    /// The process may not change its user, or it could change it back. The error is one line.
    pub(super) fn assume(self) -> Result<(), String> {
        let Self { user, group } = self;
        let changed = setgroups(&[])
            .and_then(|()| setgid(group))
            .and_then(|()| setuid(user));
        changed.map_err(|error| cannot("become user", &user.to_string(), error))?;
        if self.is_final() {
            Ok(())
        } else {
            Err(format!("privileges are left after becoming user {user}"))
        }
    }

    /// Whether all user and group ids are these, there is no supplementary group, and root is out of reach.
    fn is_final(self) -> bool {
        let Self { user, group } = self;
        let has_user = (Uid::current(), Uid::effective()) == (user, user);
        let has_group = (Gid::current(), Gid::effective()) == (group, group);
        let has_no_other = getgroups().is_ok_and(|groups| groups.iter().all(|it| *it == group));
        let is_root = user.is_root();
        has_user && has_group && has_no_other && (is_root || setuid(Uid::from_raw(0)).is_err())
    }
}

fn cannot(action: &str, name: &str, error: Errno) -> String {
    let error = os_error::describe(&io::Error::from(error));
    format!("cannot {action} {name}: {error}")
}
