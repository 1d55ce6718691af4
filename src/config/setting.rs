//! The types that a setting can have.

use std::time::Duration;

use toml::Value;

/// A type that a setting can have.
pub trait Setting: Sized {
    /// What is allowed, for the error: `a whole number`, `one of a, b`.
    const ALLOWED: &'static str;
    /// From the file.
    fn from_toml(value: &Value) -> Option<Self>;
    /// From an environment variable or the command line.
    fn from_text(text: &str) -> Option<Self>;
    /// As it would stand in the file.
    fn to_toml(&self) -> Value;
}

/// Makes an enum's variants the values of a setting, each written as the text beside it.
///
/// The enum is [`Copy`] and [`PartialEq`]. In the environment, upper case is the same as lower case.
#[macro_export]
macro_rules! choices {
    ($type:ty { $first_text:literal => $first:ident $(, $text:literal => $name:ident)* $(,)? }) => {
        impl $crate::config::Setting for $type {
            const ALLOWED: &'static str =
                concat!("one of `", $first_text, "`" $(, ", `", $text, "`")*);
            fn from_toml(value: &::toml::Value) -> Option<Self> {
                match value.as_str()? {
                    $first_text => Some(Self::$first),
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }
            fn from_text(text: &str) -> Option<Self> {
                Self::from_toml(&::toml::Value::String(text.to_ascii_lowercase()))
            }
            fn to_toml(&self) -> ::toml::Value {
                ::toml::Value::String(match self {
                    Self::$first => $first_text.to_owned(),
                    $(Self::$name => $text.to_owned(),)*
                })
            }
        }
    };
}

impl Setting for bool {
    const ALLOWED: &'static str = "`true` or `false`";
    fn from_toml(value: &Value) -> Option<Self> {
        value.as_bool()
    }
    fn from_text(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        }
    }
    fn to_toml(&self) -> Value {
        Value::Boolean(*self)
    }
}

impl Setting for String {
    const ALLOWED: &'static str = "a string";
    fn from_toml(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
    fn to_toml(&self) -> Value {
        Value::String(self.clone())
    }
}

macro_rules! whole_numbers {
    ($($type:ty),+) => {$(
        impl Setting for $type {
            const ALLOWED: &'static str = "a whole number";
            fn from_toml(value: &Value) -> Option<Self> {
                value.as_integer()?.try_into().ok()
            }
            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }
            fn to_toml(&self) -> Value {
                Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
            }
        }
    )+};
}

whole_numbers!(i64, u16, u32, u64, usize);

impl Setting for f64 {
    const ALLOWED: &'static str = "a number";
    #[expect(clippy::cast_precision_loss, reason = "a setting is far below 2^52")]
    fn from_toml(value: &Value) -> Option<Self> {
        let number = value.as_float();
        let number = number.or_else(|| value.as_integer().map(|whole| whole as Self));
        number.filter(|number| number.is_finite())
    }
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number: &Self| number.is_finite())
    }
    fn to_toml(&self) -> Value {
        Value::Float(*self)
    }
}

/// Written with a unit; in the environment a plain number is seconds, as in the variables of Broca 2.
impl Setting for Duration {
    const ALLOWED: &'static str = "a time such as \"500ms\", \"10s\", \"5m\" or \"24h\"";
    fn from_toml(value: &Value) -> Option<Self> {
        humantime::parse_duration(value.as_str()?).ok()
    }
    fn from_text(text: &str) -> Option<Self> {
        match text.parse::<f64>() {
            Ok(seconds) => Self::try_from_secs_f64(seconds).ok(),
            Err(_) => humantime::parse_duration(text).ok(),
        }
    }
    fn to_toml(&self) -> Value {
        Value::String(humantime::format_duration(*self).to_string())
    }
}

/// In the environment, commas stand between the items. A whole number in the file counts as its digits,
/// since ids are often numbers.
impl Setting for Vec<String> {
    const ALLOWED: &'static str = "a list of strings";
    fn from_toml(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(item).collect()
    }
    fn from_text(text: &str) -> Option<Self> {
        let items = text.split(',').map(str::trim);
        Some(
            items
                .filter(|item| !item.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }
    fn to_toml(&self) -> Value {
        Value::Array(self.iter().cloned().map(Value::String).collect())
    }
}

impl Setting for log::LevelFilter {
    const ALLOWED: &'static str = "one of `error`, `warn`, `info`, `debug`, `trace`";
    fn from_toml(value: &Value) -> Option<Self> {
        level(value.as_str()?)
    }
    fn from_text(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "warning" => Some(Self::Warn),
            "critical" => Some(Self::Error),
            other => level(other),
        }
    }
    fn to_toml(&self) -> Value {
        Value::String(self.as_str().to_ascii_lowercase())
    }
}

fn level(text: &str) -> Option<log::LevelFilter> {
    match text {
        "error" => Some(log::LevelFilter::Error),
        "warn" => Some(log::LevelFilter::Warn),
        "info" => Some(log::LevelFilter::Info),
        "debug" => Some(log::LevelFilter::Debug),
        "trace" => Some(log::LevelFilter::Trace),
        _ => None,
    }
}

fn item(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Fruit {
        Apple,
        Pear,
    }
    choices!(Fruit { "apple" => Apple, "pear" => Pear });

    #[test]
    fn an_enum_is_read_and_lists_what_is_allowed() {
        assert_eq!(Fruit::from_text("PEAR"), Some(Fruit::Pear));
        assert_eq!(Fruit::from_toml(&Value::String("PEAR".into())), None);
        assert_eq!(Fruit::ALLOWED, "one of `apple`, `pear`");
        assert_eq!(Fruit::Apple.to_toml().as_str(), Some("apple"));
    }

    #[test]
    fn a_time_needs_its_unit_in_the_file_only() {
        assert_eq!(
            Duration::from_text("1.5"),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(Duration::from_text("10m"), Some(Duration::from_mins(10)));
        assert_eq!(Duration::from_text("-1"), None);
        assert_eq!(Duration::from_text("1e300"), None);
        assert_eq!(Duration::from_toml(&Value::Integer(5)), None);
        assert_eq!(
            Duration::from_toml(&Value::String("0s".into())),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        assert_eq!(u32::from_toml(&Value::Integer(-1)), None);
        assert_eq!(u16::from_text("65536"), None);
        assert_eq!(f64::from_text("nan"), None);
    }

    #[test]
    fn a_list_takes_commas_and_numbers() {
        assert_eq!(
            Vec::from_text(" a, ,b "),
            Some(vec!["a".to_owned(), "b".into()])
        );
        let list = Value::Array(vec![Value::Integer(1001), Value::String("ann".into())]);
        assert_eq!(
            Vec::from_toml(&list),
            Some(vec!["1001".to_owned(), "ann".into()])
        );
    }

    #[test]
    fn levels_of_python_are_understood_in_the_environment() {
        assert_eq!(
            log::LevelFilter::from_text("WARNING"),
            Some(log::LevelFilter::Warn)
        );
        assert_eq!(
            log::LevelFilter::from_toml(&Value::String("off".into())),
            None
        );
    }
}
