// A service worker of an extension has no import(), and ends when it is idle. So a page of the extension runs the model.
chrome.action.onClicked.addListener(() => chrome.tabs.create({ url: chrome.runtime.getURL("page.html") }));
