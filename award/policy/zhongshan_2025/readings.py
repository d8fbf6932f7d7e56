"""The passages of the policy that can be read in more than one way."""

from __future__ import annotations

from award.policy.reading import Reading

READINGS = (
    Reading(
        "volume-cap",
        "“每个节点项目奖励最高不超过 300 万元”是否也限制注册解析量奖励？",
        "不限制，该奖励另有 200 万元上限",
        "限制，两项奖励合计不超过 300 万元",
    ),
    Reading(
        "volume-premise",
        "“各级财政资助总金额不超过投资总额”的前提是否也适用于注册解析量奖励？",
        "不适用，该句独立成句",
        "适用",
    ),
    Reading(
        "direction-cap",
        "平台公司 500 万元、标杆平台公司 1000 万元的上限按年计还是在细则有效期内累计？",
        "按年计",
        "累计",
    ),
    Reading(
        "volume-acceptance",
        "注册解析量奖励是否也以节点通过验收为条件？",
        "以验收为条件",
        "不以验收为条件",
    ),
    Reading(
        "registrations",
        "新增标识注册量是否扣除当年年底前已注销的标识？",
        "不扣除（新增总量）",
        "扣除（净增量）",
    ),
    Reading(
        "first",
        "“首次实现”指有史以来首次，还是本细则施行后首次？",
        "有史以来首次（本系统启用前的年度以申报材料为准）",
        "本细则施行后首次",
    ),
    Reading(
        "performance-year",
        "达标年度是否须整年处于细则有效期内？",
        "不须，申报前届满即可",
        "须整年处于有效期内",
    ),
    Reading(
        "granted",
        "“获得过”国家和省奖补资金，指已批复还是已到账？",
        "已批复或已到账",
        "仅指已到账",
    ),
    Reading(
        "invested",
        "节点投资总额指已支出金额还是计划投资金额？",
        "已支出金额",
        "计划投资金额",
    ),
    Reading(
        "filed",
        "“2025 年内成功申报”指年内提交（其后获受理），还是年内已获受理？",
        "年内提交且其后获受理",
        "年内已获受理",
    ),
    Reading(
        "resolutions",
        "日均解析量以剔除后的计入量为准，还是以全部成功响应量为准？",
        "剔除后的计入量",
        "全部成功响应量",
    ),
)
