package dev.zhulong.text.tags;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * How tags of tokens spell entities. The rules, including what becomes of tags that break their scheme, are those of seqeval's strict mode
 * (its {@code scheme.py}): an entity that does not begin or end as the scheme demands is none.
 */
public enum TagScheme {
    /** Entities begin with I-; with B- only where one follows another of its type (CoNLL-2003 as first published). */
    IOB1("IBO") {
        @Override
        boolean starts(Tag before, Tag tag) {
            return tag.mark == 'I' && (before.mark != 'I' || !tag.is(before)) || tag.mark == 'B' && before.mark != 'O' && tag.is(before);
        }

        @Override
        boolean ends(Tag last, Tag next) {
            return last.mark == 'I' || next.mark != 'B' || next.is(last);
        }
    },
    /** Every entity begins with B- (BIO). */
    IOB2("IBO") {
        @Override
        boolean starts(Tag before, Tag tag) {
            return tag.mark == 'B';
        }

        @Override
        boolean ends(Tag last, Tag next) {
            return true;
        }
    },
    /** Entities begin with B- and end with E-; one of a single token is S- (BIOES). */
    IOBES("IBOES") {
        @Override
        boolean starts(Tag before, Tag tag) {
            return tag.mark == 'B' || tag.mark == 'S';
        }

        @Override
        boolean ends(Tag last, Tag next) {
            return last.mark == 'E' || last.mark == 'S';
        }
    },
    /** The same with L- for the last and U- for the only one. */
    BILOU("IBOLU") {
        @Override
        boolean starts(Tag before, Tag tag) {
            return tag.mark == 'B' || tag.mark == 'U';
        }

        @Override
        boolean ends(Tag last, Tag next) {
            return last.mark == 'L' || last.mark == 'U';
        }
    };

    private static final Tag OUTSIDE = new Tag('O', "_");

    private final String marks;

    TagScheme(String marks) {
        this.marks = marks;
    }

    private record Tag(char mark, String type) {
        static Tag of(String tag) {
            int from = 1;
            int to = tag.length();
            while (from < to && tag.charAt(from) == '-') {
                from++;
            }
            while (to > from && tag.charAt(to - 1) == '-') {
                to--;
            }
            return new Tag(tag.charAt(0), to > from ? tag.substring(from, to) : "_");
        }

        boolean is(Tag other) {
            return type.equals(other.type);
        }
    }

    abstract boolean starts(Tag before, Tag tag);

    /** Whether an entity may end with {@code last}, where {@code next}, which does not continue it, follows. */
    abstract boolean ends(Tag last, Tag next);

    private static boolean continues(Tag before, Tag tag) {
        return (before.mark == 'B' || before.mark == 'I') && (tag.mark == 'I' || tag.mark == 'E' || tag.mark == 'L') && tag.is(before);
    }

    /**
     * The entities of a sentence that keep the scheme, in order.
     *
     * @throws IllegalArgumentException where a tag has a mark that the scheme does not know; says which token
     */
    public List<EntitySpan> entities(List<String> tags) {
        List<Tag> all = new ArrayList<>();
        for (int i = 0; i < tags.size(); i++) {
            if (tags.get(i).isEmpty() || marks.indexOf(tags.get(i).charAt(0)) < 0) {
                throw new IllegalArgumentException("token " + (i + 1) + " has the tag '" + tags.get(i) + "', which " + this + " does not know; its tags are "
                        + String.join(", ", marks.chars().mapToObj(c -> c == 'O' ? "O" : (char) c + "-TYPE").toList()));
            }
            all.add(Tag.of(tags.get(i)));
        }
        all.add(OUTSIDE);
        List<EntitySpan> entities = new ArrayList<>();
        Tag before = OUTSIDE;
        for (int i = 0; i < tags.size();) {
            int next = i + 1;
            if (starts(before, all.get(i))) {
                while (continues(all.get(next - 1), all.get(next))) {
                    next++;
                }
                if (ends(all.get(next - 1), all.get(next))) {
                    entities.add(new EntitySpan(all.get(i).type, i, next - 1));
                }
            }
            before = all.get(next - 1);
            i = next;
        }
        return entities;
    }

    /** Whether {@code tag} is inside an entity, or ends one, that {@code before} is not of; in {@link #IOB1} that begins one, so nothing breaks it. */
    public boolean breaks(String before, String tag) {
        Tag own = Tag.of(tag);
        return this != IOB1 && (own.mark == 'I' || own.mark == 'E' || own.mark == 'L') && !continues(Tag.of(before), own);
    }

    /**
     * The scheme that sentences are written in: one with E- and S- is IOBES, with L- and U- BILOU; of the others IOB1 if an entity begins with I- and none
     * with a B- that IOB1 does not ask for, else IOB2. Empty where some tag is of no scheme, or none is of an entity: then the tags are plain classes, such
     * as parts of speech.
     */
    public static Optional<TagScheme> of(Iterable<List<String>> sentences) {
        String seen = "";
        boolean begunByI = false;
        boolean needlessB = false;
        for (List<String> tags : sentences) {
            Tag before = OUTSIDE;
            for (String text : tags) {
                if (!text.equals("O") && !text.matches("[BIESLU](-.+)?")) {
                    return Optional.empty();
                }
                Tag tag = Tag.of(text);
                boolean fresh = before.mark == 'O' || !tag.is(before);
                begunByI |= tag.mark == 'I' && fresh;
                needlessB |= tag.mark == 'B' && fresh;
                if (seen.indexOf(tag.mark) < 0) {
                    seen += tag.mark;
                }
                before = tag;
            }
        }
        if (seen.isEmpty() || seen.equals("O")) {
            return Optional.empty();
        }
        boolean last = seen.indexOf('L') >= 0 || seen.indexOf('U') >= 0;
        boolean end = seen.indexOf('E') >= 0 || seen.indexOf('S') >= 0;
        return last && end ? Optional.empty() : Optional.of(last ? BILOU : end ? IOBES : begunByI && !needlessB ? IOB1 : IOB2);
    }
}
