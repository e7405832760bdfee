package dev.zhulong.data.clean;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * What credentials of a service look like, as it has published for scanners of secrets: a prefix, then letters, digits and {@code also}, so many at least.
 */
record TokenShape(String prefix, String also, int least) {

    private static final String DASHES = "_-";
    private static final List<List<TokenShape>> BY_FIRST = new ArrayList<>();

    static {
        for (int c = 0; c < 128; c++) {
            BY_FIRST.add(new ArrayList<>());
        }
        // GitHub, GitLab, Grafana
        add("", 36, "ghp_", "gho_", "ghu_", "ghs_", "ghr_");
        add("_", 49, "github_pat_");
        add(DASHES, 20, "glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "gloas-", "glsoat-", "glffct-");
        add("_", 32, "glsa_", "glc_");
        // Hugging Face, npm, PyPI, RubyGems, Docker Hub
        add("", 34, "hf_", "api_org_");
        add("", 36, "npm_");
        add(DASHES, 50, "pypi-");
        add("", 48, "rubygems_");
        add(DASHES, 27, "dckr_pat_", "dckr_oat_");
        // Slack, Google, SendGrid, Shopify, Square, Stripe
        add("-", 15, "xoxa-", "xoxb-", "xoxe-", "xoxp-", "xoxr-", "xoxs-", "xapp-");
        add(DASHES, 35, "AIza");
        add(DASHES, 28, "GOCSPX-");
        add(DASHES, 30, "ya29.");
        add("._-", 60, "SG.");
        add("", 32, "shpat_", "shpca_", "shppa_", "shpss_", "whsec_");
        add(DASHES, 22, "sq0atp-", "sq0csp-");
        // DigitalOcean, Vault, Linear, Notion, Atlassian, age
        add("", 64, "dop_v1_", "doo_v1_", "dor_v1_");
        add(DASHES, 24, "hvs.", "hvb.");
        add("", 32, "lin_api_");
        add("", 40, "ntn_", "secret_");
        add("_-=", 60, "ATATT3");
        add("", 58, "AGE-SECRET-KEY-1");
        // Groq, Replicate, NVIDIA, Perplexity, xAI
        add("", 40, "gsk_", "pplx-");
        add("", 37, "r8_");
        add(DASHES, 60, "nvapi-", "xai-");
    }

    private static void add(String also, int least, String... prefixes) {
        for (String prefix : prefixes) {
            BY_FIRST.get(prefix.charAt(0)).add(new TokenShape(prefix, also, least));
        }
    }

    static Stream<TokenShape> all() {
        return BY_FIRST.stream().flatMap(List::stream);
    }

    /** Those that begin with an ASCII character. */
    static List<TokenShape> beginningWith(char c) {
        return BY_FIRST.get(c);
    }

    /** The end of the token that begins at {@code at}, or -1. */
    int end(String text, int at) {
        if (!text.startsWith(prefix, at)) {
            return -1;
        }
        int from = at + prefix.length();
        int end = Around.runEnd(text, from, also);
        while (end > from && !Around.isAlphanumeric(text.charAt(end - 1))) {
            end--;
        }
        return end - from >= least ? end : -1;
    }
}
