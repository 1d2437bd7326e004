"""What is written in the chat must not act in the page; every sender's words are shown alike."""

from __future__ import annotations

from tests.browser.pages import Chat

HOSTILE = (
    "<img src=x onerror='window.chatActed=1'> <script>window.chatActed=1</script> "
    "<a href='javascript:window.chatActed=1'>look</a> [look](javascript:window.chatActed=1) "
    "<svg onload='window.chatActed=1'></svg> <iframe srcdoc='<script>top.chatActed=1</script>'>"
)
LOOK = """area => [...area.querySelectorAll('*')].flatMap(element => {
  const found = ['SCRIPT', 'IFRAME'].includes(element.tagName) ? [element.tagName] : [];
  for (const attribute of element.attributes) {
    if (attribute.name.startsWith('on')) found.push(attribute.name);
    if (attribute.name === 'href' && element.href.startsWith('javascript')) found.push('href');
  }
  return found;
})"""


def test_words_in_the_chat_do_not_act(chat: Chat) -> None:
    chat.new()
    count = chat.send(HOSTILE)
    chat.replies_after(count)
    page = chat.lab.page
    shown = chat.panel.locator(".jp-chat-message-container").nth(count - 1)
    assert "look" in shown.inner_text()
    assert shown.evaluate(LOOK) == []
    page.wait_for_timeout(300)  # an image that is not there reports that a little later
    assert not page.evaluate("window.chatActed")
