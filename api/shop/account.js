// The account itself: links of mails, a forgotten password, the devices that are logged in, the customer's data, and
// the end.
import { client, leave, result } from "./api.js";
import { canLeave, comeBack } from "./elsewhere.js";
import { byId, complain, conceal, el, onClick, onSubmit, reveal, say, when } from "./page.js";
import { begin, onSession, session } from "./session.js";

const device_name = `Browser, ${navigator.platform || "unknown system"}`;

// enter logs in or registers. It returns false if the server only sends a mail, and the session begins with its link.
export async function enter(path, body) {
  const answer = await result(client.POST(path, { body: { ...body, device_name } }));
  if (answer.token) begin(answer);
  else say(answer.message);
  return Boolean(answer.token);
}

onClick(byId("forgot"), async (button) => {
  const email = byId("login-email");
  if (!email.reportValidity()) return;
  say((await result(client.POST("/auth/password/forgot", { body: { email: email.value.trim() } }))).message, button);
});

// ---- Links of mails ------------------------------------------------------------------------------------------------

const passwordSteps = {
  reset_password: { path: "/auth/password/reset", title: "Set a new password", done: "Your password is changed. Log in with it." },
  complete_registration: { path: "/auth/register/complete", title: "Choose a password", done: "Welcome. Your account is ready.", more: { device_name } },
};
let step = null; // the password that the page asks for, and the token of the mail
let change = null; // the token of a new address's mail, which waits for a login of its account

// openLink does what the link of a mail is for, or ends a login elsewhere. The token comes after the #, which browsers
// do not send, and is taken out of the address at once.
async function openLink(arrive) {
  const [name, token] = location.hash.slice(1).split("=");
  if (!token) return;
  history.replaceState(null, "", location.pathname + location.search);
  if (name === "verify_email") {
    await result(client.POST("/auth/email/verify", { body: { token } }));
    say("Your address is confirmed.");
    if (session) await result(client.GET("/session"));
  } else if (name === "change_email") {
    change = token;
    if (session) await confirmChange();
    else say("Log in with your present address to confirm the new one.");
  } else if (name === "id_token") {
    const owner = await comeBack(token, device_name);
    await arrive();
    if (!owner) say("You are logged in.");
    else if (owner === session.user.id) askToDelete(true);
    else say("That login is of another account, so nothing is deleted.");
  } else if (passwordSteps[name]) {
    step = { ...passwordSteps[name], token };
    byId("from-mail-title").textContent = step.title;
    reveal(byId("from-mail"));
  }
}

// confirmChange changes the address if a link asked for it. It is called after each login: the token works for no one
// else.
export async function confirmChange() {
  if (!change) return;
  try {
    await result(client.POST("/auth/email/confirm", { body: { token: change } }));
  } catch (failure) {
    if (!failure.undecided) change = null; // else the next login tries again
    throw failure;
  }
  change = null;
  say("Your address is changed.");
  await result(client.GET("/session"));
}

// openLinks has links opened now and when one is put into the address of this page. arrive is called if one logs in.
export function openLinks(arrive) {
  const open = () => openLink(arrive).catch((failure) => complain(failure));
  onSubmit(byId("new-password"), async (form) => {
    const { path, token, done, more } = step;
    const body = { token, password: form.elements.password.value, ...more };
    const answer = await result(client.POST(path, { body }));
    form.reset();
    byId("from-mail").hidden = true;
    say(done);
    if (!answer?.token) return leave(); // a new password ends all logins
    begin(answer);
    await arrive();
  });
  addEventListener("hashchange", open);
  return open();
}

// ---- Devices -------------------------------------------------------------------------------------------------------

export async function showDevices() {
  const { sessions } = await result(client.GET("/sessions"));
  byId("end-others").hidden = sessions.length < 2;
  byId("devices").replaceChildren(...sessions.map((device) => {
    const name = device.name || "A device without a name";
    const end = el("button", { type: "button" }, "End", el("span", { className: "unseen" }, ` ${name}, ${when(device.last_used_at)}`));
    onClick(end, async () => {
      await result(client.DELETE("/sessions/{session_id}", { params: { path: { session_id: device.id } } }));
      say("That login has ended.", byId("devices"));
      await showDevices();
    });
    const used = device.current ? "this one" : `used ${when(device.last_used_at)}`;
    const title = el("th", { scope: "row" }, name, el("small", {}, used));
    const rename = el("button", { type: "button" }, "Rename", el("span", { className: "unseen" }, ` ${name}`));
    onClick(rename, () => {
      rename.hidden = true;
      title.replaceChildren(renaming(device));
      title.querySelector("input").focus();
    });
    return el("tr", {}, title, el("td", { className: "num" }, rename, ...(device.current ? [] : [" ", end])));
  }));
}

// renaming is a form that gives a device another name.
function renaming(device) {
  const field = el("input", {
    value: device.name ?? "", maxLength: 100, required: true, ariaLabel: "Name of the device",
  });
  const form = el("form", { className: "line" }, field, el("button", { type: "submit" }, "Save"));
  onSubmit(form, async () => {
    const params = { path: { session_id: device.id } };
    await result(client.PATCH("/sessions/{session_id}", { params, body: { name: field.value.trim() } }));
    say("The device has its name.", byId("devices"));
    await showDevices();
  });
  return form;
}

onClick(byId("end-others"), async (button) => {
  await result(client.DELETE("/sessions"));
  say("Only this login is left.", button);
  await showDevices();
});

// ---- Address, data, end --------------------------------------------------------------------------------------------

function showAddress() {
  const { email, email_verified_at: since } = session?.user ?? {};
  byId("address").textContent = !email ? "" : since ? `${email}, confirmed on ${when(since)}.` : `${email} is not confirmed yet.`;
  byId("resend").hidden = !email || Boolean(since);
  if (!session) for (const id of ["delete", "change-email", "change-password"]) byId(id).hidden = true;
}

onClick(byId("resend"), async (button) => {
  say((await result(client.POST("/auth/email/resend"))).message, button);
});

onClick(byId("export"), async () => {
  const data = await result(client.GET("/account/export"));
  const url = URL.createObjectURL(new Blob([JSON.stringify(data, null, 2)], { type: "application/json" }));
  el("a", { href: url, download: "pointsync-account.json" }).click();
  URL.revokeObjectURL(url);
});

// Each of these buttons opens a step, which another button closes again.
for (const [button, form, back] of [
  ["delete-account", "delete", "keep"], ["new-email", "change-email", "keep-email"],
  ["new-secret", "change-password", "keep-secret"],
]) {
  onClick(byId(button), () => (form === "delete" ? askToDelete(false) : reveal(byId(form))));
  onClick(byId(back), () => {
    conceal(byId(form));
    byId(button).focus();
  });
}

// finish closes a step whose request was made, and says how it went.
function finish(form, text) {
  form.reset();
  conceal(form);
  say(text, form);
}

onSubmit(byId("change-email"), async (form) => {
  const { email, password } = form.elements;
  const body = { email: email.value.trim(), password: password.value };
  const { message } = await result(client.POST("/auth/email", { body }));
  finish(form, message);
});

onSubmit(byId("change-password"), async (form) => {
  const { current_password: current, password } = form.elements;
  await result(client.POST("/auth/password", { body: { current_password: current.value, password: password.value } }));
  finish(form, "Your password is changed.");
  await showDevices();
});

// A deletion needs a login that has just begun. So the password is asked for once more, unless the person comes from a
// login elsewhere.
let proven = false;

function askToDelete(now) {
  proven = now;
  byId("delete-secret").hidden = proven;
  byId("delete-password").required = !proven;
  byId("no-password").hidden = proven || !canLeave;
  reveal(byId("delete"));
}

onSubmit(byId("delete"), async (form) => {
  const body = { email: session.user.email, password: form.elements.password.value, device_name };
  if (!proven) begin(await result(client.POST("/auth/login", { body })));
  await result(client.DELETE("/account"));
  leave();
  say("Your account is closed, and your data will be erased within a minute.");
});

onSession(showAddress);
