"use strict";

// The key that "Authorize" is given stays in this tab's memory. `validatorUrl`: no document goes to a site elsewhere.
SwaggerUIBundle({ dom_id: "#docs", url: "/openapi.json", deepLinking: true, persistAuthorization: false, validatorUrl: null });
