//! One call, and whom its failure is about: everybody, or one id.

use crate::{
    directory::{Class as Sort, Client, Endpoint, Error, TokenKind},
    people::known::{Answer, News, Refused, Subject},
};

/// One call; members can also be asked for with the archive's own secret when no app is configured.
pub(super) async fn call<E: Endpoint>(client: &Client, request: &E) -> Result<E::Answer, Error> {
    match client.call(request).await {
        Err(Error::NoCredential {
            kind: TokenKind::App, ..
        }) if E::ROW.path.starts_with("/cgi-bin/user/")
            || E::ROW.path.starts_with("/cgi-bin/department/") =>
        {
            client.call_as(request, Some(TokenKind::Archive)).await
        }
        answered => answered,
    }
}

/// No call can be made at all.
pub(super) fn halts(error: &Error) -> bool {
    is_senseless(error) && error.is_of_token()
        || matches!(
            error,
            Error::Unreachable { .. } | Error::Status { .. } | Error::Options(_) | Error::Source { .. }
        )
}

/// What came cannot be read: about one id, or something in between answers for WeCom.
pub(super) fn is_torn(error: &Error) -> bool {
    matches!(error, Error::Torn { .. } | Error::TooLarge { .. })
}

/// What came cannot be used, though it was no refusal.
pub(super) fn is_senseless(error: &Error) -> bool {
    is_torn(error) || matches!(error, Error::Implausible { .. })
}

/// A refusal of the call itself; the token was had.
pub(super) fn is_of_a_call(error: &Error) -> bool {
    matches!(error, Error::Refused(_)) && !error.is_of_token()
}

/// The refusal is about this id alone.
pub(super) fn spares_others(error: &Error) -> bool {
    let of_item = matches!(
        error.class(),
        Some(Sort::Empty | Sort::Gone | Sort::Item | Sort::Unknown | Sort::Narrow | Sort::Bug)
    );
    !error.is_of_token()
        && (of_item && !matches!(error, Error::Credential { .. }) || is_torn(error) || error.is_no_answer())
}

/// The answer about one id: what it says, or why it says nothing. What concerns more than this id, or may, is an error.
pub(super) fn item<T>(
    who: &Subject,
    found: Result<T, Error>,
    news: impl FnOnce(T) -> Vec<News>,
) -> Result<Answer, Error> {
    match found {
        Ok(found) => Ok(Answer {
            news: news(found),
            ..Answer::default()
        }),
        Err(error) if spares_others(&error) && !is_torn(&error) => {
            let lasting = matches!(error.class(), Some(Sort::Gone | Sort::Empty | Sort::Item));
            Ok(refusal(who, error.to_string(), lasting))
        }
        Err(error) => Err(error),
    }
}

pub(super) fn refusal(who: &Subject, why: String, lasting: bool) -> Answer {
    Answer {
        refused: vec![Refused {
            subject: who.clone(),
            why,
            lasting,
        }],
        ..Answer::default()
    }
}
