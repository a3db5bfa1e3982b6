// A login at an issuer of ID tokens, as an app with Auth0, Firebase or Keycloak has it. The local issuer of `dev`, next
// to the sandbox, takes its place here.
import { client, result } from "./api.js";
import { newKey } from "./client.js";
import { byId, go, onClick } from "./page.js";
import { begin, session } from "./session.js";

const sandbox = byId("sandbox");
const kept = "elsewhere"; // what this tab asked the issuer for

// canLeave is false on a server without a local issuer.
export const canLeave = Boolean(sandbox);

// visit goes to the issuer's page. The token comes back in the address of this page. owner is the account whose person
// is to prove once more who they are, if that is what the login is for.
function visit(owner) {
  const nonce = newKey();
  sessionStorage.setItem(kept, JSON.stringify({ nonce, owner }));
  const to = new URL("/_issuer/authorize", sandbox.href);
  to.search = new URLSearchParams({
    client_id: "pointsync-dev", response_type: "id_token", redirect_uri: `${location.origin}/`, nonce,
  });
  go(to.href);
}

// comeBack exchanges the token that the issuer sent along, and returns the owner with which visit was called.
export async function comeBack(id_token, device_name) {
  const asked = JSON.parse(sessionStorage.getItem(kept) ?? "null");
  sessionStorage.removeItem(kept);
  if (!asked) throw new Error("That login was not begun in this tab.");
  begin(await result(client.POST("/auth/exchange", { body: { id_token, nonce: asked.nonce, device_name } })));
  return asked.owner;
}

byId("elsewhere").hidden = !canLeave;
onClick(byId("elsewhere"), () => visit());
onClick(byId("no-password"), () => visit(session.user.id));
