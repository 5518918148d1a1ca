// Starts Swagger UI, and changes what not everybody could use.
(() => {
  // Swagger UI writes the path of an operation as a link within the button that opens the operation. The button changes
  // the address just the same.
  const PathInButton = (_, { React }) => ({ text }) => React.createElement("span", null, text);

  // The introduction, which the page has already, and what only a mouse could copy.
  const Nothing = () => () => null;

  const forEverybody = () => ({
    wrapComponents: { DeepLink: PathInButton, InfoContainer: Nothing, CopyToClipboardBtn: Nothing },
  });

  // Fields and buttons that Swagger UI leaves without a name, and their names.
  const names = {
    "tr[data-param-name] :is(input, select, textarea)": (field) => field.closest("tr").dataset.paramName,
    ".examples-select-element": () => "Example",
    ".opblock-section-request-body textarea": () => "Request body",
    ".json-schema-2020-12-accordion:not(:has(.json-schema-2020-12-accordion__children:not(:empty)))": () => "Members",
    ".close-modal": () => "Close",
    ".copy-to-clipboard button": () => "Copy",
  };
  // Names that contradict what stands there, and tables that claim to be parts of the page, all with the same name.
  const wrong = [[".auth-container [aria-label]", "aria-label"], [".responses-table[role]", "role"]];
  const amend = (root) => {
    for (const [fields, name] of Object.entries(names)) {
      for (const field of root.querySelectorAll(`:is(${fields}):not([aria-label])`)) field.ariaLabel = name(field);
    }
    // Texts that may scroll, also by the keyboard.
    for (const text of root.querySelectorAll("pre:not([tabindex])")) text.tabIndex = 0;
    // "Authorized", which follows a heading of the fourth level.
    for (const heading of root.querySelectorAll(".auth-container h6:not([aria-level])")) heading.ariaLevel = "5";
    for (const [elements, attribute] of wrong) {
      for (const element of root.querySelectorAll(elements)) element.removeAttribute(attribute);
    }
  };

  window.addEventListener("DOMContentLoaded", () => {
    const root = document.getElementById("swagger-ui");
    new MutationObserver(() => amend(root)).observe(root, { childList: true, subtree: true, attributeFilter: ["aria-label", "role"] });
    SwaggerUIBundle({
      domNode: root,
      url: root.dataset.document,
      deepLinking: true,
      tryItOutEnabled: true,
      validatorUrl: "none",
      syntaxHighlight: false,
      plugins: [forEverybody],
    });
  });
})();
