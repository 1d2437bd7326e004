"""The model chooser as its user sees it."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.browser.pages import Lab


class Chooser:
    """The panel "Models" of one page."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.page = lab.page
        self.panel = lab.page.locator(".la-Models")
        self.job = self.panel.get_by_role("region", name="Download")
        self.bar = self.job.get_by_role("progressbar")
        self.problem = self.panel.locator(".la-Panel-sheet > .la-Note.la-mod-error")
        self.name = self.panel.get_by_label("Any other model")

    def open(self) -> None:
        """By the command palette, with the keyboard alone."""
        self.command("Choose Models")
        self.wait()

    def command(self, label: str) -> None:
        """Run a command by its name in the palette."""
        self.page.keyboard.press("Control+Shift+C")
        expect(self.page.locator(".lm-CommandPalette-item").first).to_be_visible()
        self.page.keyboard.type(label)
        active = self.page.locator(".lm-CommandPalette-item.lm-mod-active")
        expect(active).to_contain_text(label)
        self.page.keyboard.press("Enter")

    def wait(self) -> None:
        """Until the lists are there."""
        expect(self.panel.locator("[data-model]").first).to_be_visible()

    def row(self, model: str) -> Locator:
        return self.panel.locator(f'tr[data-model="{model}"]')

    def answering(self, role: str) -> Locator:
        """Return what the panel says that answers for a role."""
        return self.panel.locator(f'[data-role="{role}"] .la-Models-answer')

    def use(self, model: str, role: str) -> None:
        self.panel.get_by_role("button", name=f"Use {model} for {role}", exact=True).click()

    def get(self, model: str) -> None:
        """Ask for a model by its name, with the keyboard."""
        self.name.fill(model)
        self.name.press("Enter")

    def press(self, label: str) -> None:
        self.job.get_by_role("button", name=label, exact=True).click()

    def state(self, state: str) -> None:
        """Wait for a state of the download."""
        found = self.panel.locator(f'.la-Job[data-state="{state}"]')
        expect(found).to_be_visible(timeout=60_000)

    def share(self) -> int:
        """Return how many percent the bar shows, -1 before it shows any."""
        return int(self.bar.get_attribute("aria-valuenow") or -1)
