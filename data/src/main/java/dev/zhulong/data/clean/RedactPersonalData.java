package dev.zhulong.data.clean;

import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * Replaces personal data and secrets by placeholders such as {@code <EMAIL>}; the note counts each kind. Made for few false alarms: kinds
 * with a checksum must pass it, and in code numbers need a telling context. What each kind finds and leaves alone stands with
 * {@link EmailAddress}, {@link PhoneNumber}, {@link ResidentId}, {@link PaymentCard}, {@link IpAddress} and {@link Secret}. Patterns find
 * forms, not people: names and postal addresses stay.
 */
public record RedactPersonalData(Set<PersonalData> kinds, Function<Document, Profile> profile) implements CleaningStep {

    private static final int MAX_ROUNDS = 8;
    /** Characters at which something may be found; all others are passed over. */
    private static final boolean[] TRIGGERS = new boolean[128];

    static {
        for (char c : "0123456789@+(-=:".toCharArray()) {
            TRIGGERS[c] = true;
        }
    }

    public RedactPersonalData {
        kinds = Set.copyOf(kinds);
    }

    /** Every kind. */
    public RedactPersonalData() {
        this(EnumSet.allOf(PersonalData.class));
    }

    public RedactPersonalData(Set<PersonalData> kinds) {
        this(kinds, Profile::of);
    }

    public RedactPersonalData(Function<Document, Profile> profile) {
        this(EnumSet.allOf(PersonalData.class), profile);
    }

    @Override
    public String name() {
        return "personal-data";
    }

    @Override
    public Decision apply(Document document) {
        Document redacted = document;
        int[] counts = new int[PersonalData.values().length];
        // What stood beside something now replaced may only now be recognised: go on until nothing is found.
        for (int round = 0; round < MAX_ROUNDS; round++) {
            String next = redact(redacted.text(), profile.apply(redacted) == Profile.CODE, counts);
            if (next == null) {
                break;
            }
            redacted = new Document(document.id(), next);
        }
        List<String> note = new ArrayList<>();
        for (PersonalData kind : PersonalData.values()) {
            if (counts[kind.ordinal()] > 0) {
                note.add(kind.counted(counts[kind.ordinal()]));
            }
        }
        return note.isEmpty() ? new Decision.Keep(document, null) : new Decision.Keep(redacted, String.join(", ", note));
    }

    /** The text with what was found replaced, or null if nothing was found. */
    private String redact(String text, boolean code, int[] counts) {
        StringBuilder out = null;
        int copied = 0;
        var secret = new Secret(text);
        int length = text.length();
        for (int i = 0; i < length; i++) {
            char c = text.charAt(i);
            if (c >= 128 || !TRIGGERS[c] && !Secret.mayBeginToken(text, i, c)) {
                continue;
            }
            Match match = find(text, i, c, copied, secret, code);
            if (match != null && kinds.contains(match.kind())) {
                out = out == null ? new StringBuilder(length) : out;
                out.append(text, copied, match.start()).append(match.kind().placeholder());
                counts[match.kind().ordinal()]++;
                copied = match.end();
                i = copied - 1;
            } else if (Around.isDigit(c)) {
                while (i + 1 < length && Around.isDigit(text.charAt(i + 1))) {
                    i++;
                }
            }
        }
        return out == null ? null : out.append(text, copied, length).toString();
    }

    private Match find(String text, int at, char c, int from, Secret secret, boolean code) {
        return switch (c) {
            case '@' -> EmailAddress.find(text, at, from);
            case '+' -> PhoneNumber.findInternational(text, at, code);
            case '(' -> PhoneNumber.findParenthesized(text, at, code);
            case '-' -> secret.findPem(at);
            case '=', ':' -> secret.findAssigned(at);
            default -> Around.isDigit(c) ? findNumber(text, at, code) : secret.findToken(at);
        };
    }

    private Match findNumber(String text, int at, boolean code) {
        boolean url = at > 2 && text.startsWith("://", at - 3);
        if (!url && !Around.startsNumber(text, at)) {
            return null;
        }
        Match match = null;
        if (kinds.contains(PersonalData.IP_ADDRESS)) {
            char c = text.charAt(at);
            match = IpAddress.findV4(text, at, code);
            match = match == null && (c == '2' || c == '3') ? IpAddress.findV6(text, at) : match;
        }
        // The shortest number looked for below has ten digits and begins with at most four in a group of its own.
        if (match != null || at + 9 >= text.length() || !Around.isDigit(text.charAt(at + 1)) && text.charAt(at) != '1') {
            return match;
        }
        DigitGroups groups = DigitGroups.at(text, at);
        match = kinds.contains(PersonalData.RESIDENT_ID) ? ResidentId.find(text, groups) : null;
        if (match == null && kinds.contains(PersonalData.PAYMENT_CARD)) {
            match = PaymentCard.find(text, groups, code);
        }
        return match == null && kinds.contains(PersonalData.PHONE) ? PhoneNumber.find(text, groups, code) : match;
    }
}
