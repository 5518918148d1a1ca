//! The screens and colors in which every page has to be usable.

use std::fmt;

use serde_json::json;

use super::Browser;

/// A screen and a preference for colors. `Display` names it in the names of pictures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    is_phone: bool,
    is_dark: bool,
}

impl Look {
    pub(crate) const DESK: Self = Self { is_phone: false, is_dark: false };
    pub(crate) const PHONE: Self = Self { is_phone: true, is_dark: false };
    /// Each screen in light colors first.
    const ALL: [Self; 4] = [Self::DESK, Self::DESK.dark(), Self::PHONE, Self::PHONE.dark()];
    /// Two in which a flow meets each screen and each preference.
    pub(crate) const BOTH: [Self; 2] = [Self::DESK, Self::PHONE.dark()];

    pub(crate) const fn dark(self) -> Self {
        Self { is_dark: true, ..self }
    }

    /// In CSS pixels.
    const fn width(self) -> u32 {
        if self.is_phone { 390 } else { 1280 }
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.width(), if self.is_dark { "-dark" } else { "" })
    }
}

impl Browser {
    /// Opens a page from the navigation, which is behind a button on a phone.
    pub(crate) async fn opens_from_menu(&self, name: &str) {
        if self.look.is_phone {
            self.click_text("Menu").await;
        }
        self.click_text(name).await;
    }

    /// Asserts of the page as it is now, on a desktop and on a phone, in light and in dark colors, that axe finds no barrier
    /// and that nothing is wider than the screen. Saves pictures of it. A flow that is driven on both screens is looked at
    /// on each of them.
    pub(crate) async fn looks_right(&self, name: &str) {
        let is_wanted = |look: &Look| !self.looks_at_own_screen_only || look.is_phone == self.look.is_phone;
        for look in Look::ALL.into_iter().filter(is_wanted) {
            self.takes(look).await;
            self.fits(look, name).await;
            self.is_accessible(look.is_dark).await;
            self.picture(&format!("{name}-{look}")).await;
        }
        self.takes(self.look).await;
    }

    pub(super) async fn takes(&self, look: Look) {
        let (height, scale) = if look.is_phone { (844, 2) } else { (800, 1) };
        let screen = json!({"width": look.width(), "height": height, "deviceScaleFactor": scale, "mobile": look.is_phone});
        let scheme = if look.is_dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.session.devtools("Emulation.setDeviceMetricsOverride", screen).await;
        self.session.devtools("Emulation.setTouchEmulationEnabled", json!({"enabled": look.is_phone})).await;
        self.session.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    /// A phone shows a page that is too wide in a smaller scale, so the width of the window is no measure.
    async fn fits(&self, look: Look, name: &str) {
        let width = self.run("return document.documentElement.scrollWidth").await;
        assert!(
            width.as_u64().is_some_and(|width| width <= u64::from(look.width())),
            "{name} at {} is {width} pixels wide on a screen of {look}",
            self.path().await
        );
    }
}
