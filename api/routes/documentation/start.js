// Shows the document of this server. Whatever would ask another host is off.
Scalar.createApiReference("#reference", {
  url: "../openapi.json",
  agent: { disabled: true },
  documentDownloadType: "json",
  hideClientButton: true,
  mcp: { disabled: true },
  showDeveloperTools: "never",
  telemetry: false,
  withDefaultFonts: false,
});
