-- Earlier versions kept an empty file as one that differs although its message announces bytes. Nothing came; so it is
-- fetched again, or seen to be missing.
UPDATE media_file SET state = 0, detail = '', attempts = 0, differed = 0, next_try = 0, have = 0, cursor = '',
  content = NULL, settled_at = NULL
WHERE content IN (SELECT id FROM media_content WHERE bytes = 0)
  AND CASE WHEN md5 IS NULL THEN coalesce(size, 0) <> 0
           ELSE lower(trim(md5)) <> 'd41d8cd98f00b204e9800998ecf8427e' END;
UPDATE media_file SET state = 3,
  detail = 'it came empty, and the message announces neither size nor MD5 to check it by'
WHERE content IN (SELECT id FROM media_content WHERE bytes = 0) AND md5 IS NULL AND size IS NULL;
