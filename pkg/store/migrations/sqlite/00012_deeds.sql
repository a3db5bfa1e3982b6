-- +goose Up
-- What admins did to the operator's endpoints stands beside what they did to accounts. The endpoint may be gone since.
ALTER TABLE admin_actions ALTER COLUMN account_id DROP NOT NULL;
ALTER TABLE admin_actions ADD COLUMN webhook_id text;
ALTER TABLE admin_actions DROP CONSTRAINT admin_actions_action;
ALTER TABLE admin_actions ADD CONSTRAINT admin_actions_action CHECK (action IN ('grant', 'correction', 'role', 'unpark',
    'webhook.add', 'webhook.change', 'webhook.roll', 'webhook.remove'));
ALTER TABLE admin_actions DROP CONSTRAINT admin_actions_entry;
ALTER TABLE admin_actions ADD CONSTRAINT admin_actions_entry CHECK ((action IN ('grant', 'correction')) = (entry_id IS NOT NULL));
ALTER TABLE admin_actions ADD CONSTRAINT admin_actions_about CHECK ((account_id IS NULL) = (webhook_id IS NOT NULL) AND
    (action IN ('webhook.add', 'webhook.change', 'webhook.roll', 'webhook.remove')) = (webhook_id IS NOT NULL));
CREATE INDEX admin_actions_webhooks ON admin_actions (id) WHERE webhook_id IS NOT NULL;

-- +goose Down
DROP INDEX admin_actions_webhooks;
DELETE FROM admin_actions WHERE webhook_id IS NOT NULL;
ALTER TABLE admin_actions DROP CONSTRAINT admin_actions_about;
ALTER TABLE admin_actions DROP CONSTRAINT admin_actions_entry;
ALTER TABLE admin_actions ADD CONSTRAINT admin_actions_entry CHECK ((action IN ('role', 'unpark')) = (entry_id IS NULL));
ALTER TABLE admin_actions DROP CONSTRAINT admin_actions_action;
ALTER TABLE admin_actions ADD CONSTRAINT admin_actions_action CHECK (action IN ('grant', 'correction', 'role', 'unpark'));
ALTER TABLE admin_actions DROP COLUMN webhook_id;
ALTER TABLE admin_actions ALTER COLUMN account_id SET NOT NULL;
