-- One clinic's crowd: everybody's rows by one statement a table, run as the superuser. It is given
-- the clinic, how many leads, the clock's offset and who owns half of them; `words` holds, by the
-- number of a person, what was encrypted for him: of each fourth his request and his texts.

TRUNCATE people;

SELECT setseed(0.25);

-- A row a person, the oldest first: all else is told from it.
INSERT INTO people
SELECT
    n, came, came + (now_here - came) * random(),
    pg_temp.id_at(came), pg_temp.id_at(came), pg_temp.id_at(came),
    pg_temp.id_at(came), pg_temp.id_at(came), pg_temp.id_at(came),
    pg_temp.name_of(floor(random() * 400)::int), pg_temp.name_of(floor(random() * 8000)::int),
    '+1202' || lpad((5550000 + n)::text, 7, '0'),
    stages[1], stages[1 + floor(random() * array_length(stages, 1))::int],
    (ARRAY['form', 'api', 'phone', 'walk_in'])[1 + floor(random() * 4)::int],
    (floor(random() * 40) * 12500)::bigint
FROM
    (
        SELECT
            n,
            transaction_timestamp() + %(offset)s AS now_here,
            transaction_timestamp() + %(offset)s
                - (%(leads)s - n) * (interval '700 days' / %(leads)s) - interval '1 hour' AS came
        FROM generate_series(1, %(leads)s) AS n
    ) AS days,
    (
        SELECT array_agg(s ORDER BY s.position) AS stages
        FROM stages AS s WHERE s.clinic_id = %(clinic)s
    ) AS ordered
ORDER BY n;

INSERT INTO contacts (clinic_id, id, name, language, created_at, version)
SELECT
    %(clinic)s, contact_id, initcap(first_name || ' ' || last_name),
    CASE WHEN n %% 5 = 0 THEN 'es' ELSE 'en' END, at, 1
FROM people;

INSERT INTO addresses (clinic_id, id, kind, value, created_at)
SELECT %(clinic)s, phone_id, 'phone', phone, at FROM people
UNION ALL
SELECT %(clinic)s, email_id, 'email', first_name || '.' || n || '@mail.example', at
FROM people WHERE n %% 2 = 0;

INSERT INTO contact_addresses (clinic_id, id, contact_id, address_id, created_at)
SELECT %(clinic)s, pg_temp.id_at(at), contact_id, phone_id, at FROM people
UNION ALL
SELECT %(clinic)s, pg_temp.id_at(at), contact_id, email_id, at FROM people WHERE n %% 2 = 0;

INSERT INTO search_terms (clinic_id, term, kind, ref_id)
SELECT %(clinic)s, term, 'contact', contact_id
FROM
    people,
    unnest(ARRAY[
        first_name, last_name, reverse(substr(phone, 2)),
        CASE WHEN n %% 2 = 0 THEN first_name || '.' || n || '@mail.example' END
    ]) AS term
WHERE term IS NOT NULL
GROUP BY term, contact_id
ORDER BY term COLLATE "C", contact_id;

INSERT INTO consents
    (clinic_id, id, address_id, contact_id, channel, purpose, tier, action, source,
     principal_kind, at)
SELECT
    %(clinic)s, consent_id, phone_id, contact_id, 'sms', 'care', 'express', 'granted', 'form',
    'patient', at
FROM people;

INSERT INTO leads
    (clinic_id, id, contact_id, pipeline_id, stage_id, stage_kind, stage_entered_at, rank, source,
     campaign, service, value_cents, owner_id, created_at, requested_at, reply_due_at, version)
SELECT
    %(clinic)s, lead_id, contact_id, (stage).pipeline_id, (stage).id, (stage).kind, entered_at,
    extract(epoch FROM entered_at), source, '{}', 'New patient visit', value_cents,
    CASE WHEN n %% 2 = 0 THEN %(owner)s::uuid END, at, at,
    CASE WHEN n %% 20 = 0 THEN at + interval '15 minutes' END, 1
FROM people;

INSERT INTO stage_counters (clinic_id, id, leads, value_cents)
SELECT %(clinic)s, (stage).id, count(*), sum(value_cents) FROM people GROUP BY (stage).id
ON CONFLICT (clinic_id, id) DO UPDATE
SET leads = EXCLUDED.leads, value_cents = EXCLUDED.value_cents;

INSERT INTO stage_moves
    (clinic_id, id, lead_id, from_stage_id, to_stage_id, principal_kind, principal_id, at)
SELECT
    %(clinic)s, move_id, lead_id, (first_stage).id, (stage).id, 'user', %(owner)s::uuid, entered_at
FROM people WHERE (stage).id <> (first_stage).id;

INSERT INTO appointment_requests
    (clinic_id, id, source, idempotency_key, body_hash, body, contact_id, lead_id, received_at)
SELECT
    %(clinic)s, w.id, 'form', w.id::text, md5(w.id::text), w.sealed, p.contact_id, p.lead_id, p.at
FROM people AS p INNER JOIN words AS w ON w.n = p.n AND w.k = 0;

INSERT INTO conversations
    (clinic_id, id, address_id, sender_id, last_in_at, last_out_at, created_at)
SELECT
    %(clinic)s, pg_temp.id_at(p.at), p.phone_id, s.id, p.entered_at, p.entered_at, p.at
FROM people AS p INNER JOIN senders AS s ON s.clinic_id = %(clinic)s
WHERE EXISTS (SELECT FROM words AS w WHERE w.n = p.n);

INSERT INTO communications
    (clinic_id, id, direction, channel, status, message_class, address_id, conversation_id,
     contact_id, lead_id, origin_kind, dedupe_key, body, gate, consent_id, sender_id, resends,
     asked, provider_id, cause, created_at, taken_at, settled_at, attempts, queue)
SELECT
    %(clinic)s, w.id,
    CASE WHEN w.k %% 2 = 1 THEN 'out' ELSE 'in' END, 'sms',
    CASE WHEN w.k %% 2 = 1 THEN 'delivered' ELSE 'received' END, 'care',
    p.phone_id, c.id, p.contact_id, p.lead_id,
    CASE WHEN w.k %% 2 = 1 THEN 'enrollment' END, 'crowd:' || w.id, w.sealed, '{}',
    p.consent_id, c.sender_id, 0, 0, 'SM' || replace(w.id::text, '-', ''), '[]',
    p.at + w.k * interval '10 minutes', p.at + w.k * interval '10 minutes',
    p.at + w.k * interval '10 minutes', 0, 'default'
FROM
    people AS p
    INNER JOIN words AS w ON w.n = p.n AND w.k > 0
    INNER JOIN conversations AS c ON c.clinic_id = %(clinic)s AND c.address_id = p.phone_id;

INSERT INTO events
    (clinic_id, id, name, order_key, contact_id, lead_id, cause, principal_kind, at, payload)
SELECT
    %(clinic)s, pg_temp.id_at(p.at), 'lead.created', p.lead_id, p.contact_id, p.lead_id,
    '{}'::uuid[], 'patient', p.at,
    jsonb_build_object(
        'pipeline_id', (p.first_stage).pipeline_id, 'stage_id', (p.first_stage).id,
        'source', p.source, 'request_id', w.id
    )
FROM people AS p LEFT JOIN words AS w ON w.n = p.n AND w.k = 0
UNION ALL
SELECT
    %(clinic)s, pg_temp.id_at(p.at), 'consent.recorded', p.phone_id, p.contact_id, p.lead_id,
    '{}'::uuid[], 'patient', p.at,
    jsonb_build_object(
        'consent_id', p.consent_id, 'address_id', p.phone_id, 'channel', 'sms', 'purpose', 'care',
        'tier', 'express', 'action', 'granted'
    )
FROM people AS p
UNION ALL
SELECT
    %(clinic)s, pg_temp.id_at(p.entered_at), 'lead.stage_changed', p.lead_id, p.contact_id,
    p.lead_id, '{}'::uuid[], 'user', p.entered_at,
    jsonb_build_object(
        'move_id', p.move_id, 'pipeline_id', (p.stage).pipeline_id,
        'from_stage_id', (p.first_stage).id, 'to_stage_id', (p.stage).id,
        'from_kind', (p.first_stage).kind, 'to_kind', (p.stage).kind
    )
FROM people AS p WHERE (p.stage).id <> (p.first_stage).id
UNION ALL
SELECT
    %(clinic)s, pg_temp.id_at(p.at + w.k * interval '10 minutes'),
    CASE WHEN w.k %% 2 = 1 THEN 'communication.settled' ELSE 'text.received' END,
    p.phone_id, p.contact_id, p.lead_id, '{}'::uuid[], 'patient', p.at + w.k * interval '10 minutes',
    CASE
        WHEN w.k %% 2 = 1
            THEN jsonb_build_object('communication_id', w.id, 'status', 'sent')
        ELSE
            jsonb_build_object(
                'communication_id', w.id, 'address_id', p.phone_id, 'conversation_id', c.id
            )
    END
FROM
    people AS p
    INNER JOIN words AS w ON w.n = p.n AND w.k > 0
    INNER JOIN conversations AS c ON c.clinic_id = %(clinic)s AND c.address_id = p.phone_id;
