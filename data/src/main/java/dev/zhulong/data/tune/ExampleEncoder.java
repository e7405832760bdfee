package dev.zhulong.data.tune;

import dev.zhulong.data.read.RowReport;
import dev.zhulong.text.EncodingException;
import dev.zhulong.text.GapTokens;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import dev.zhulong.text.chat.SupervisedTokens;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Examples to tokens. Which tokens are learnt is a matter of their place, never of their id: an EOS is learnt where it ends an answer, even if
 * padding has the same id.
 *
 * <p>A sequence has at most {@code seq + 1} tokens: {@code seq} inputs and the targets that follow them. Longer conversations and completions
 * lose their end, and with it the end mark; one that has nothing left to learn is refused. Longer texts are cut into pieces instead, each
 * beginning with the last token of the one before, so that every token but the first is learnt once.
 */
public final class ExampleEncoder {
    /** Tokens that mark the three parts. */
    private static final int GAP_MARKS = 3;
    private static final String NO_END = "the chat template puts no end mark behind an answer, so the model does not learn to end";

    private final Tokenizer tokenizer;
    private final ConversationEncoder conversations;
    private final int seq;
    private final OptionalInt end;

    /**
     * @param seq most inputs of a sequence
     */
    public ExampleEncoder(Tokenizer tokenizer, ConversationEncoder conversations, int seq) {
        this(tokenizer, conversations, seq, tokenizer.eos());
    }

    /**
     * With another end of texts and completions than the tokenizer's EOS.
     *
     * @param end empty for none
     */
    public ExampleEncoder(Tokenizer tokenizer, ConversationEncoder conversations, int seq, OptionalInt end) {
        if (seq < 1) {
            throw new IllegalArgumentException("seq must be at least 1, found " + seq);
        }
        this.end = end;
        this.tokenizer = tokenizer;
        this.conversations = conversations;
        this.seq = seq;
    }

    public Tokenizer tokenizer() {
        return tokenizer;
    }

    /** Most inputs of a sequence. */
    public int seq() {
        return seq;
    }

    /** Sequences that teach an example; none, and a refusal in {@code report}, where there is nothing to be learnt from it. */
    public List<SupervisedDocument> encode(ExampleRow row, RowReport report) {
        var notes = new Notes(row, report);
        try {
            return switch (row.example()) {
                case Example.Chat chat -> cut(row, chat(chat, notes), notes);
                case Example.Completion completion -> cut(row, List.of(completion(completion, notes)), notes);
                case Example.Gap gap -> cut(row, List.of(gap(gap, notes)), notes);
                case Example.Text text -> pieces(row, text.text(), notes);
                case Example.Preference _ -> throw new RowRefused("a preference pair, which only DPO learns from", "");
            };
        } catch (RowRefused refused) {
            report.refuse(refused.reason(), new RowReport.Sample(row.where(), refused.detail(), ContentHash.beginning(row.example())));
            return List.of();
        } catch (EncodingException e) {
            RowRefused refused = refused(e);
            report.refuse(refused.reason(), new RowReport.Sample(row.where(), refused.detail(), ContentHash.beginning(row.example())));
            return List.of();
        }
    }

    /** A preference pair; none, and a refusal in {@code report}, where the example is none or nothing of an answer is left. */
    public Optional<PreferenceTokens> preference(ExampleRow row, RowReport report) {
        try {
            if (!(row.example() instanceof Example.Preference preference)) {
                throw new RowRefused("not a preference pair", "");
            }
            PreferenceTokens pair = new PairEncoder(guarded(), tokenizer, seq + 1).encode(row, preference);
            var notes = new Notes(row, report);
            if (pair.truncated()) {
                notes.add("cut to " + (seq + 1) + " tokens");
            } else if (!isEnd(pair.chosen()[pair.chosen().length - 1])) {
                notes.add(NO_END);
            }
            return Optional.of(pair);
        } catch (RowRefused refused) {
            report.refuse(refused.reason(), new RowReport.Sample(row.where(), refused.detail(), ContentHash.beginning(row.example())));
            return Optional.empty();
        }
    }

    private record Notes(ExampleRow row, RowReport report) {
        void add(String note) {
            report.note(note, new RowReport.Sample(row.where(), "", ContentHash.beginning(row.example())));
        }
    }

    /** The template, its refusals turned into refusals of the row. */
    private ConversationEncoder guarded() {
        return ConversationEncoder.of(conversation -> {
            try {
                return conversations.supervise(conversation);
            } catch (IllegalArgumentException e) {
                throw refused(e);
            }
        }, conversation -> {
            try {
                return conversations.prompt(conversation);
            } catch (IllegalArgumentException e) {
                throw refused(e);
            }
        });
    }

    private static RowRefused refused(IllegalArgumentException e) {
        return e instanceof EncodingException encoding ? new RowRefused("the tokenizer cannot encode it", encoding.reason())
                : new RowRefused("the chat template refuses it", e.getMessage());
    }

    private List<SupervisedTokens> chat(Example.Chat chat, Notes notes) {
        var sequences = new ArrayList<>(guarded().supervise(chat.conversation()));
        if (!sequences.stream().allMatch(this::ends)) {
            notes.add(NO_END);
        }
        List<Integer> hidden = hiddenCalls(chat.conversation());
        if (!hidden.isEmpty()) {
            notes.add("a tool call that the chat template does not show, so it is not learnt");
        }
        for (int turn : hidden) {
            // what is left of a turn that says nothing else is no answer
            if (chat.conversation().messages().get(turn).written() != Message.Written.TEXT && !chat.muted().contains(turn)) {
                findAndMute(chat.conversation(), turn, sequences);
            }
        }
        for (int turn : chat.muted()) {
            if (!findAndMute(chat.conversation(), turn, sequences)) {
                throw new RowRefused("a turn excluded from training can't be found in the template's text", "turn " + (turn + 1));
            }
        }
        sequences.removeIf(sequence -> sequence.count() == 0);
        return sequences;
    }

    /** Numbers of the turns whose calls the template does not show: under another name they are as little to be seen. */
    private List<Integer> hiddenCalls(Conversation conversation) {
        List<Message> messages = conversation.messages();
        List<Integer> calling = IntStream.range(0, messages.size()).filter(i -> !messages.get(i).toolCalls().isEmpty()).boxed().toList();
        if (calling.isEmpty()) {
            return List.of();
        }
        List<Message> renamed = IntStream.range(0, messages.size()).mapToObj(i -> messages.get(i).calling(name -> probe(i, name))).toList();
        String shown;
        try {
            shown = conversations.supervise(new Conversation(renamed, conversation.tools())).stream()
                    .map(sequence -> tokenizer.decode(sequence.ids())).collect(Collectors.joining("\n"));
        } catch (IllegalArgumentException e) {
            // a template that is particular about names shows them
            return List.of();
        }
        return calling.stream().filter(i -> !messages.get(i).toolCalls().stream().allMatch(call -> shown.contains(probe(i, call.name())))).toList();
    }

    private static String probe(int turn, String name) {
        return name + "_of_turn_" + turn;
    }

    /** Whether each run of learnt tokens ends in a token that ends a turn. */
    private boolean ends(SupervisedTokens sequence) {
        boolean[] learnt = sequence.supervised();
        for (int i = 0; i < learnt.length; i++) {
            if (learnt[i] && (i + 1 == learnt.length || !learnt[i + 1]) && !isEnd(sequence.ids()[i])) {
                return false;
            }
        }
        return true;
    }

    private boolean isEnd(int id) {
        return EndMarks.isMark(tokenizer, id) || tokenizer.eos().isPresent() && tokenizer.eos().getAsInt() == id;
    }

    /** Takes the marks off one turn: the learnt tokens that follow exactly what comes before that turn. False where there are none. */
    private boolean findAndMute(Conversation conversation, int turn, List<SupervisedTokens> sequences) {
        return muteBehind(given(conversation, turn), sequences) || muteBehind(learntBefore(conversation, turn), sequences);
    }

    /** What the model is given before a turn; nothing where the template opens none there. */
    private int[] given(Conversation conversation, int turn) {
        try {
            return conversations.prompt(new Conversation(conversation.messages().subList(0, turn), conversation.tools()));
        } catch (IllegalArgumentException e) {
            return new int[0];
        }
    }

    /** What comes before a turn in the sequence that teaches it last. */
    private int[] learntBefore(Conversation conversation, int turn) {
        SupervisedTokens upTo = guarded().supervise(new Conversation(conversation.messages().subList(0, turn + 1), conversation.tools())).getLast();
        int from = upTo.ids().length;
        while (from > 0 && !upTo.supervised()[from - 1]) {
            from--;
        }
        while (from > 0 && upTo.supervised()[from - 1]) {
            from--;
        }
        return Arrays.copyOf(upTo.ids(), from);
    }

    private static boolean muteBehind(int[] before, List<SupervisedTokens> sequences) {
        boolean found = false;
        for (int i = 0; i < sequences.size(); i++) {
            int[] ids = sequences.get(i).ids();
            boolean[] marks = sequences.get(i).supervised().clone();
            if (before.length == 0 || before.length >= ids.length || !marks[before.length] || Arrays.mismatch(before, ids) != before.length) {
                continue;
            }
            found = true;
            for (int at = before.length; at < ids.length && marks[at]; at++) {
                marks[at] = false;
            }
            sequences.set(i, new SupervisedTokens(ids, marks));
        }
        return found;
    }

    /** One tokenisation of prompt and completion; a token that holds the end of the one and the beginning of the other is not learnt. */
    private SupervisedTokens completion(Example.Completion example, Notes notes) {
        int[] joint = tokenizer.encode(example.prompt() + example.completion());
        // what the prompt alone comes to in bytes, also where the tokenizer normalises text or puts a space before it
        long boundary = bytes(tokenizer.encode(example.prompt()));
        int bos = tokenizer.addsBos() ? 1 : 0;
        int[] ids = framed(joint, notes);
        var supervised = new boolean[ids.length];
        long at = 0;
        for (int i = 0; i < joint.length; i++) {
            long end = at + tokenizer.bytes(joint[i]).length;
            supervised[bos + i] = at >= boundary && bos + i > 0;
            if (at < boundary && end > boundary) {
                notes.add("a token across the seam of prompt and completion, not learnt");
            }
            at = end;
        }
        Arrays.fill(supervised, bos + joint.length, ids.length, true);
        return new SupervisedTokens(ids, supervised);
    }

    /**
     * Prefix and suffix between the tokens that the tokenizer has for a gap, then the middle and its end, which are learnt. Each part is tokenized by itself,
     * as when a gap is asked for. Of a context that is too long what is next to the gap stays.
     */
    private SupervisedTokens gap(Example.Gap example, Notes notes) {
        GapTokens gaps = GapTokens.of(tokenizer).orElseThrow(() -> new RowRefused("the tokenizer has no tokens for a gap", "such as <|fim_prefix|>, <|fim_suffix|>"
                + " and <|fim_middle|>: take a model of code that has them"));
        int[] before = tokenizer.encode(example.prefix());
        int[] after = GapTokens.inside(tokenizer, example.suffix());
        int[] middle = GapTokens.inside(tokenizer, example.middle());
        OptionalInt last = gaps.end().isPresent() ? gaps.end() : end;
        if (last.isEmpty()) {
            notes.add("the tokenizer names no EOS, so the model does not learn to end");
        }
        int ends = last.isPresent() ? 1 : 0;
        int bos = tokenizer.addsBos() ? 1 : 0;
        int room = Math.max(0, seq + 1 - bos - GAP_MARKS - middle.length - ends);
        if (before.length + after.length > room) {
            int right = Math.min(after.length, Math.max(room / 2, room - before.length));
            after = Arrays.copyOf(after, right);
            before = Arrays.copyOfRange(before, before.length - Math.min(before.length, room - right), before.length);
            notes.add("cut to what is next to the gap, " + (seq + 1) + " tokens with the middle");
        }
        int[] arranged = gaps.prefixFirst(before, after, middle);
        var ids = new int[bos + arranged.length + ends];
        System.arraycopy(arranged, 0, ids, bos, arranged.length);
        if (bos == 1) {
            ids[0] = tokenizer.bos().orElseThrow();
        }
        if (ends == 1) {
            ids[ids.length - 1] = last.getAsInt();
        }
        var supervised = new boolean[ids.length];
        Arrays.fill(supervised, ids.length - middle.length - ends, ids.length, true);
        return new SupervisedTokens(ids, supervised);
    }

    private long bytes(int[] ids) {
        long bytes = 0;
        for (int id : ids) {
            bytes += tokenizer.bytes(id).length;
        }
        return bytes;
    }

    /** BOS where the model wants one, the tokens, the end. */
    private int[] framed(int[] tokens, Notes notes) {
        int bos = tokenizer.addsBos() ? 1 : 0;
        int eos = end.isPresent() ? 1 : 0;
        if (eos == 0) {
            notes.add("the tokenizer names no EOS, so the model does not learn to end");
        }
        var ids = new int[bos + tokens.length + eos];
        System.arraycopy(tokens, 0, ids, bos, tokens.length);
        if (bos == 1) {
            ids[0] = tokenizer.bos().orElseThrow();
        }
        if (eos == 1) {
            ids[ids.length - 1] = end.getAsInt();
        }
        return ids;
    }

    private List<SupervisedDocument> pieces(ExampleRow row, String text, Notes notes) {
        int[] ids = framed(tokenizer.encode(text), notes);
        var pieces = new ArrayList<SupervisedDocument>();
        for (int from = 0; from + 1 < ids.length; from += seq) {
            int[] piece = Arrays.copyOfRange(ids, from, (int) Math.min(ids.length, (long) from + seq + 1));
            var supervised = new boolean[piece.length];
            Arrays.fill(supervised, 1, piece.length, true);
            pieces.add(new SupervisedDocument(row.source(), row.where(), new SupervisedTokens(piece, supervised), false));
        }
        if (pieces.isEmpty()) {
            throw new RowRefused("no supervised token", "");
        }
        return List.copyOf(pieces);
    }

    private List<SupervisedDocument> cut(ExampleRow row, List<SupervisedTokens> sequences, Notes notes) {
        var documents = new ArrayList<SupervisedDocument>();
        int lost = 0;
        for (SupervisedTokens whole : sequences) {
            boolean tooLong = whole.ids().length > seq + 1L;
            SupervisedTokens tokens = tooLong
                    ? new SupervisedTokens(Arrays.copyOf(whole.ids(), seq + 1), Arrays.copyOf(whole.supervised(), seq + 1)) : whole;
            if (tokens.count() == 0) {
                lost++;
            } else {
                // an end cut off behind the last token to be learnt is no loss
                documents.add(new SupervisedDocument(row.source(), row.where(), tokens, tokens.count() < whole.count()));
            }
        }
        if (documents.isEmpty()) {
            throw sequences.isEmpty() || lost == 0 ? new RowRefused("no supervised token", "")
                    : new RowRefused("no supervised token left after cutting to " + (seq + 1) + " tokens", "");
        }
        if (documents.stream().anyMatch(SupervisedDocument::truncated) || lost > 0) {
            notes.add("cut to " + (seq + 1) + " tokens; the end is not learnt");
        }
        return List.copyOf(documents);
    }
}
