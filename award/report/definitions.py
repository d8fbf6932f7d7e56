"""What the numbers of a report mean, in the words it prints.

The words belong to a version of the rules that the code counts by. `RECORDED` has what each version
was, words and parameters together: a change of either takes a new version and a new line.
"""

from __future__ import annotations

import hashlib

from metrics.counting import rules

RECORDED = {
    "biaoshi-counting-1": "03a787420ab30462849e8ee3fdb789907e92935c28d60d46b54e4927233de76c",
}
DEFINITIONS = (
    (
        "计数规则的版本",
        "以下定义属于计数规则 biaoshi-counting-1。规则的参数（剔除链的次序、重复请求的时间窗、爬虫"
        "名单的版本与摘要等）先于按其结账的首日写入声明日志；规则或定义有任何改动，版本号随之更换。",
    ),
    (
        "新增标识注册量",
        "一个标识在节点存续期间只计一次，即首次注册之时。更新不增加计数；注销留存记录，重新注册计为"
        "“恢复”，不计新增。年度为首次注册时刻所在的北京时间自然年。自其他节点迁入的标识保留原日期，"
        "不计入新增；企业自建解析系统中的标识由企业申报，不在认证之列。",
    ),
    (
        "解析量",
        "对一个标识的请求，得到其记录或其所在地址的应答，计一次；批量请求逐项计。收到的请求依次扣除："
        "未找到、被拒绝或出错的请求，经递归解析的其他节点的标识，自有流量（运营密钥、标识所有者自己的密钥与"
        "控制台、健康检查、国家顶级节点探测、金丝雀、压力测试），公布名单内的网络机器人，重复请求。余数为"
        "计入解析量。",
    ),
    (
        "重复请求",
        "同一客户端对同一标识的请求，距其前一次请求不足 30.000 秒的，为重复请求；窗口随每次请求"
        "顺延，跨零点亦然，计数归于起始之日。规则参照 COUNTER 第 5.1 版实践准则改编。客户端以"
        "所用密钥识别，未用密钥的以地址与用户代理识别；同一地址后的多人因此可能少计，不会多计。",
    ),
    (
        "不多计",
        "解析在应答交付之后才记入日志；进程在任何时刻中断，至多遗漏最后瞬间的计数，不会虚增。每日结账时"
        "核对：当日总量 = 前日总量 + 新增 + 恢复 + 迁入 − 注销。",
    ),
    (
        "登记日志",
        "每一新增标识在当年的登记日志中有且仅有一片叶子，叶子数即新增标识注册量。日志按 C2SP 的公开"
        "格式编制，检查点由节点签名、由国家顶级节点见证，历史不能被悄然改写。",
    ),
    (
        "提示",
        "单一来源占一日过半、某日超过近十二个月均值三倍、注册后从未被解析、后缀成等差连号、单一企业占全年"
        "过半、关联方超过一成，均予列出；只作提示，不作剔除。",
    ),
)


def words() -> str:
    """All of it as one text."""
    return "".join(f"{title}\n{text}\n" for title, text in DEFINITIONS)


def digest() -> str:
    """SHA-256 over the words and the parameters of the rules."""
    return hashlib.sha256(f"{rules.digest()}\n{words()}".encode()).hexdigest()
