//! Mail: alerts by SMTP.

use std::time::Duration;

use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{SmtpTransport, Transport};

use crate::alerts::Alert;
use crate::notify::{Notifier, NotifyError};
use crate::report::cut;
use crate::time::rfc3339;

/// How long a step of sending may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a subject.
const SUBJECT_BYTES_MAX: usize = 200;

/// Sends alerts by mail to some people.
pub struct Mail {
    server: String,
    port: Option<u16>,
    is_plain: bool,
    credentials: Option<Credentials>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Mail {
    /// Through this server with STARTTLS on port 587. Fails if an address is none.
    pub fn new(server: &str, from: &str, to: &[&str]) -> Result<Self, NotifyError> {
        let mailbox = |text: &str| {
            text.parse::<Mailbox>().map_err(|cause| NotifyError::new(format!("{text:?}: {cause}")))
        };
        if to.is_empty() {
            return Err(NotifyError::new("nobody is to have the mails"));
        }
        Ok(Self {
            server: server.to_owned(),
            port: None,
            is_plain: false,
            credentials: None,
            from: mailbox(from)?,
            to: to.iter().map(|text| mailbox(text)).collect::<Result<_, _>>()?,
        })
    }

    /// Another port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Logs in first.
    #[must_use]
    pub fn login(mut self, user: &str, password: &str) -> Self {
        self.credentials = Some(Credentials::new(user.to_owned(), password.to_owned()));
        self
    }

    /// Without encryption, for a relay on this host.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.is_plain = true;
        self
    }

    fn transport(&self) -> Result<SmtpTransport, NotifyError> {
        let mut transport = if self.is_plain {
            SmtpTransport::builder_dangerous(&self.server)
        } else {
            SmtpTransport::starttls_relay(&self.server).map_err(NotifyError::new)?
        };
        if let Some(port) = self.port {
            transport = transport.port(port);
        }
        if let Some(credentials) = &self.credentials {
            transport = transport.credentials(credentials.clone());
        }
        Ok(transport.timeout(Some(TIMEOUT)).build())
    }

    fn message(&self, service: &str, alert: &Alert) -> Result<Message, NotifyError> {
        let Alert { severity, title, message, source, details, timestamp_ms, .. } = alert;
        let subject = format!("[{severity}] {service}: {title}");
        // A subject is one line, whatever the title is.
        let subject = subject.replace(char::is_control, " ");
        let mut mail = Message::builder()
            .from(self.from.clone())
            .subject(cut(&subject, SUBJECT_BYTES_MAX))
            .header(lettre::message::header::ContentType::TEXT_PLAIN);
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        let when = rfc3339(*timestamp_ms);
        mail.body(format!("{message}\n\nsource: {source}\ndetails: {details}\nat: {when}\n"))
            .map_err(NotifyError::new)
    }
}

/// Without user and password.
impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Notifier for Mail {
    fn name(&self) -> &str {
        "mail"
    }

    fn notify(&self, service: &str, alert: &Alert) -> Result<(), NotifyError> {
        let message = self.message(service, alert)?;
        self.transport()?.send(&message).map(drop).map_err(NotifyError::new)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::{Alerts, Severity, json};

    /// Takes one mail as a server does; returns what came.
    fn take_mail(listener: &TcpListener) -> String {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut mail = String::new();
        let mut is_data = false;
        stream.write_all(b"220 here\r\n").unwrap();
        while let Some(Ok(line)) = lines.next() {
            mail.push_str(&line);
            mail.push('\n');
            let answer: &[u8] = match line.as_str() {
                "." => {
                    stream.write_all(b"250 taken\r\n").unwrap();
                    return mail;
                }
                _ if is_data => continue,
                "DATA" => {
                    is_data = true;
                    b"354 go on\r\n"
                }
                _ => b"250 fine\r\n",
            };
            stream.write_all(answer).unwrap();
        }
        mail
    }

    #[test]
    fn an_alert_becomes_a_mail_and_its_title_no_header() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mail =
            Mail::new("127.0.0.1", "pharos@example.com", &["a@example.com", "b@example.com"])
                .unwrap()
                .port(port)
                .plain();
        let alerts = Alerts::new("api");
        alerts.add_notifier(Severity::Warning, mail);
        let title = "disk\r\nBcc: evil@example.com";
        alerts.error(title, "97% full", "disk", json!({ "free": 3 }));
        let got = take_mail(&listener);
        assert!(alerts.flush(Duration::from_secs(60)));
        assert_eq!(alerts.n_failed(), 0, "{got}");
        assert!(got.contains("RCPT TO:<b@example.com>"), "{got}");
        assert!(got.contains("Subject: [error] api: disk"), "{got}");
        assert!(got.contains("97% full") && got.contains("source: disk"), "{got}");
        assert!(!got.lines().any(|line| line.starts_with("Bcc")), "{got}");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert!(Mail::new("mail", "nobody", &["a@example.com"]).is_err());
        assert!(Mail::new("mail", "a@example.com", &["a@b", "c d"]).is_err());
        assert!(Mail::new("mail", "a@example.com", &[]).is_err());
    }
}
