"""Limits, each defined once, with its unit in the name and its source beside it."""

# Discord: message content and string options (developer documentation, "Create Message", "Application Commands").
MESSAGE_CHARS = 2000
QUESTION_CHARS = 6000
NONCE_CHARS = 25

# OpenAI: sampling parameters of POST /v1/chat/completions.
TEMPERATURE = (0.0, 2.0)
TOP_P = (0.0, 1.0)
PENALTY = (-2.0, 2.0)
MAX_TOKENS = (1, 32_000)

# Delivery.
REPLY_PAGES = 3  # more would flood a channel: the rest goes into a file
EDIT_SECONDS = 1.2  # Discord allows about 5 edits in 5 s per channel; one of them stays free for the final edit

# Conversation.
TURNS_SIDE_BY_SIDE = 3
TURNS_WAITING = 5
TURNS_WAITING_PER_MEMBER = 3
ANSWERS_AT_ONCE = 64  # calls for text in flight, over all conversations
ANSWERS_WAITING = 192  # for one of those places; a burst of 100 questions in a second is no reason to refuse any
TURN_SECONDS = 780  # 13 minutes: an interaction's token lives 15
GENERATIONS = 2  # a text is generated again at most once after a crash
UNDO_TURNS = (1, 10)
QUOTE_CHARS = 1500  # of the message that a member replies to
AUTHOR_NAME_CHARS = 32

# Files that come along with a question.
ATTACHMENTS = 4  # of a message's ten (Discord)
TEXT_FILE_BYTES = 1024 * 1024
PDF_FILE_BYTES = 20 * 1024 * 1024  # twice what Discord lets a member without Nitro upload
SCHEMA_FILE_BYTES = 64 * 1024
PDF_PAGES = 50
FILE_CHARS = 60_000  # of all files of one question that is answered once: some 20 pages
KEPT_FILE_CHARS = 24_000  # in a conversation, where a question is sent again and again beside the others
FILE_NAME_CHARS = 80
PICTURE_BYTES = 20 * 1024 * 1024
PICTURE_PIXELS = 40_000_000
MASK_BYTES = 4_000_000  # OpenAI: POST /v1/images/edits takes less than 4 MB
PICTURES = 4  # of one question, and of one request to a model
PICTURES_BYTES = 36 * 1024 * 1024  # of one request: OpenAI takes 50 MB, and base64 makes a third more of them
PICTURE_TURNS = 3  # the latest questions, this one included, whose pictures are sent
KEPT_PICTURES_BYTES = 48 * 1024 * 1024  # in memory, for the next questions of conversations
MEDIA_BYTES = 80 * 1024 * 1024  # of uploads in memory at a time: four pictures as large as they may be
MEDIA_SIDE_BY_SIDE = 4  # uploads in memory at a time, however small
DRAWINGS_SIDE_BY_SIDE = 4  # calls in flight that make pictures
DRAWINGS_OF_ONE = 2  # of them, for one member

# Sounds to be heard.
SOUND_FILE_BYTES = 50_000_000  # cut into parts; it is in memory some six times while that is done
SOUND_PART_BYTES = 25_000_000  # OpenAI: POST /v1/audio/transcriptions
SOUND_PART_SECONDS = 1_200  # within the deadline of one call, and what the shortest of OpenAI's models takes
SOUND_SECONDS = 7_200
KEYWORDS = 100
KEYWORD_CHARS = 100
LANGUAGE_CHARS = 40

PROMPT_TOKENS = 16_000  # system prompt, turns and question; the oldest half is left out in one block beyond it
FOLD_ABOVE_TOKENS = 7_200  # a conversation that is longer after an answer: its oldest half becomes notes
SUMMARY_TOKENS = 600  # what the notes should not exceed; half as many again are taken
FOCUS_CHARS = 200  # of what a member wants the notes to keep
ANSWER_TOKENS = 4_000  # the cap that is sent when nobody set one

# Provider deadlines.
FIRST_TOKEN_SECONDS = 90.0
BETWEEN_TOKENS_SECONDS = 30.0
CHAT_SECONDS = 300.0
TRANSCRIPTION_SECONDS = 120.0  # for each part
SPEECH_SECONDS = 120.0

# Pictures.
PICTURE_COUNT = (1, 10)  # of one request (POST /v1/images/generations)
MOST_PICTURES = 4  # that are made for one command, whatever was asked for
PICTURE_PROMPT_CHARS = 6000  # of a command's option (Discord); the API takes 32,000
PICTURE_SECONDS = 180.0  # of one call
ALT_TEXT_CHARS = 1024  # of an attachment's description (Discord)
UPLOAD_FILE_BYTES = 10 * 1024 * 1024  # where Discord says nothing else
UPLOAD_BYTES = 25 * 1024 * 1024  # of one request to Discord, all files together

# Reading aloud (OpenAI: POST /v1/audio/speech).
SPEECH_CHARS = 4096  # of one call, of the option's text, and of the instructions
LONG_SPEECH_CHARS = 20_000  # of a file or an answer, in parts: some 22 minutes
SPEED = (0.25, 4.0)
INSTRUCTIONS_CHARS = 1000
