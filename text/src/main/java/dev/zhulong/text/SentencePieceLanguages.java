package dev.zhulong.text;

import java.util.List;
import java.util.stream.Stream;

/** The languages of models whose directories need not list them, in the order in which their makers numbered them. */
final class SentencePieceLanguages {
    /** M2M-100 (Fan et al. 2020). */
    static final List<String> OF_M2M_100 = List.of("""
            af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu ha he hi hr ht hu hy id ig ilo is it
            ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr ms my ne nl no ns oc or pa pl ps pt ro ru sd si sk sl so sq sr ss su sv sw
            ta th tl tn tr uk ur uz vi wo xh yi yo zh zu
            """.strip().split("\\s+"));

    /** mBART (Liu et al. 2020). */
    static final List<String> OF_MBART = List.of("""
            ar_AR cs_CZ de_DE en_XX es_XX et_EE fi_FI fr_XX gu_IN hi_IN it_IT ja_XX kk_KZ ko_KR lt_LT lv_LV my_MM ne_NP nl_XX ro_RO ru_RU
            si_LK tr_TR vi_VN zh_CN
            """.strip().split("\\s+"));

    /** What its later models have beside them (Tang et al. 2020). */
    private static final List<String> LATER = List.of("""
            af_ZA az_AZ bn_IN fa_IR he_IL hr_HR id_ID ka_GE km_KH mk_MK ml_IN mn_MN mr_IN pl_PL ps_AF pt_XX sv_SE sw_KE ta_IN te_IN th_TH
            tl_XX uk_UA ur_PK xh_ZA gl_ES sl_SI
            """.strip().split("\\s+"));

    /** Of those later models. */
    static final List<String> OF_MBART_50 = Stream.concat(OF_MBART.stream(), LATER.stream()).toList();

    private SentencePieceLanguages() {}
}
