"""Sample data to try an upload with: eight weeks of an invented factory.

`products.csv` (UTF-8, header row) holds 1,000 lamps of a maker in Guzhen, Zhongshan,
one a row:

| column | holds |
|---|---|
| 标识后缀 | the suffix, unique: the model, then `-{yyyy}{mm}{dd}-{serial:06d}` |
| 产品名称 | product name |
| 型号 | model |
| 批次 | batch: B, ISO year and week in 2 digits each, line, number of the batch in that week |
| 生产日期 | production day, yyyy-MM-dd (Asia/Shanghai) |
| 生产线 | production line |
| 质检员编号 | number of the inspector; no names, since it is published |
| 规格 | specification |
| 详情网址 | address of the product's page, under example.com |
"""
