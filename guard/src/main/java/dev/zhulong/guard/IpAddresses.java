package dev.zhulong.guard;

import java.net.InetAddress;
import java.util.Arrays;
import java.util.List;

/** What tells addresses of the Internet Protocol from times, versions, names of programs' parts and hardware addresses. */
final class IpAddresses {
    private static final int PART = 255;
    private static final int PORT = 5;
    private static final int GROUPS = 8;
    /** Digits of a group. */
    private static final int GROUP = 4;

    private IpAddresses() {}

    /** Whether what begins and ends there is an address of IPv4, or of IPv6 in a form of RFC 4291 and 5952, with or without a zone. */
    static boolean isAddress(FoldedText text, int begin, int end) {
        String written = text.substring(begin, end);
        return written.indexOf(':') < 0 ? isV4(text, begin, end, written) : isV6(text, begin, end, written);
    }

    private static boolean isV4(FoldedText text, int begin, int end, String written) {
        char before = begin == 0 ? ' ' : text.charAt(begin - 1);
        char behind = behind(text, end);
        boolean longer = isDigit(before) || before == '.' && begin > 1 && isDigit(text.charAt(begin - 2)) || isDigit(behind) || behind == '.' && isDigit(behind(text, end + 1));
        String name = text.substring(Math.max(0, begin - 10), begin);
        boolean version = name.endsWith("version ") || before == 'v' && (begin < 2 || !Folding.isWordCharacter(text.charAt(begin - 2)));
        return !longer && !version && isV4(written);
    }

    private static boolean isV4(String written) {
        String[] parts = written.split("\\.", -1);
        for (String part : parts) {
            if (part.isEmpty() || part.length() > 3 || !part.chars().allMatch(c -> isDigit((char) c)) || Integer.parseInt(part) > PART) {
                return false;
            }
        }
        return parts.length == 4;
    }

    private static boolean isV6(FoldedText text, int begin, int end, String written) {
        char before = begin == 0 ? ' ' : text.charAt(begin - 1);
        char behind = behind(text, end);
        int zone = written.indexOf('%');
        boolean slice = before == '[' && begin > 1 && Folding.isWordCharacter(text.charAt(begin - 2));
        if (slice || isHex(before) || before == ':' && !isLabel(text, begin - 1) || isHex(behind) && zone < 0 || behind == '.' && isDigit(behind(text, end + 1))) {
            return false;
        }
        String address = zone < 0 ? written : written.substring(0, zone);
        List<String> groups = Arrays.stream(address.split(":")).filter(group -> !group.isEmpty()).toList();
        boolean goesOn = behind == ':' && (isHex(behind(text, end + 1)) || behind(text, end + 1) == ':');
        boolean whole = groups.size() == GROUPS && !address.contains("::");
        if (groups.size() > GROUPS || goesOn && !(whole && isPort(text, end + 1))) {
            return false;
        }
        boolean alone = !isWord(before) && !isWord(behind);
        return (alone ? address.equals("::1") || isTelling(address, groups) : groups.size() > 2 && address.indexOf(':') == GROUP) && isLiteral(address);
    }

    /** Whether a number of up to five digits begins there and nothing goes on behind. */
    private static boolean isPort(FoldedText text, int begin) {
        int end = begin;
        while (end - begin < PORT && isDigit(behind(text, end))) {
            end++;
        }
        return end > begin && !isHex(behind(text, end)) && behind(text, end) != ':';
    }

    /** Whether it is more than names that happen to be hexadecimal, a step of a sequence or a hardware address. */
    private static boolean isTelling(String address, List<String> groups) {
        boolean number = address.chars().anyMatch(c -> isDigit((char) c));
        int digits = groups.stream().mapToInt(String::length).sum();
        return switch (groups.size()) {
            case 0 -> false;
            case 1 -> number && address.indexOf(':') == GROUP;
            case 2 -> number && digits >= GROUP;
            case GROUPS -> !groups.stream().allMatch(group -> group.length() == 2);
            default -> number || digits >= 2 * GROUP;
        };
    }

    /** Whether the word before a colon says what follows, being no group before it. */
    private static boolean isLabel(FoldedText text, int colon) {
        int from = colon;
        while (from > 0 && colon - from <= GROUP && isHex(text.charAt(from - 1))) {
            from--;
        }
        char before = from == 0 ? ' ' : text.charAt(from - 1);
        return before != ':' && (from == colon || colon - from > GROUP || isWord(before));
    }

    private static boolean isLiteral(String address) {
        try {
            InetAddress.ofLiteral(address);
            return true;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    private static char behind(FoldedText text, int end) {
        return end < text.length() ? text.charAt(end) : ' ';
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    private static boolean isHex(char c) {
        return isDigit(c) || c >= 'a' && c <= 'f';
    }

    private static boolean isWord(char c) {
        return c == '_' || Folding.isWordCharacter(c);
    }
}
